// A process of the same user that connects to the rendezvous socket without end: clients are served,
// and the server is replaced all the same.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { descriptors, gone, hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

const dist = (path: string) =>
  new URL(`../../../packages/handoff/src/io/${path}`, import.meta.url).href

/** Ends by itself, whatever becomes of the test. */
const script = `
  import { close } from '${dist('native/descriptors.ts')}'
  import { connectUnix } from '${dist('channel/unix-socket.ts')}'
  const [, path, keeps] = process.argv
  const end = Date.now() + 30_000
  const kept = []
  while (Date.now() < end) {
    try {
      const fd = connectUnix(path, 10)
      kept.push(fd)
      while (kept.length > Number(keeps)) close(kept.shift())
    } catch {}
  }
`

function flood(path: string, keeps: number): ChildProcess {
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, path, String(keeps)]
  const child = spawn(process.execPath, args, { cwd: fileURLToPath(new URL('.', import.meta.url)) })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await gone(child.pid ?? 0)
  })
  return child
}

test.each([0, 8])('each leaves %i connections open', async (keeps) => {
  const run = await startRun('http-server.mjs', { flags: ['--probation', '0'] })
  const pid = await run.listening()
  const load = new Load(run.target, { newConnection: 4, keepAlive: 2 })
  await load.more(100)
  const floods = [flood(run.rendezvous, keeps), flood(run.rendezvous, keeps)]
  await load.more(500)
  // Two that flood, their connections that wait for a hello, and what a server has.
  if (hasProc) expect(descriptors(pid).length).toBeLessThan(150)

  const { exitCode, text } = await run.reload()
  expect(exitCode, text).toBe(0)
  await load.more(500)
  for (const child of floods) child.kill('SIGKILL')
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size).toBe(2)
  await run.stop()
})
