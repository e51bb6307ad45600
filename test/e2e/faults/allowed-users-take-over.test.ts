// `allowUids`: processes of other users, and of root, take over and hand on.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { Output } from '../../support/output.ts'

const library = new URL('../../../packages/handoff/dist/index.js', import.meta.url).href

const server = `
  import http from 'node:http'
  const { createHandoff } = await import(${JSON.stringify(library)})
  const [rendezvousPath, port, uids] = process.argv.slice(2)
  const handoff = await createHandoff({ rendezvousPath, allowUids: JSON.parse(uids), probationMs: 0 })
  const server = http.createServer((_, response) => response.end(String(process.getuid())))
  await handoff.listen(server, { host: '127.0.0.1', port: Number(port) })
  await handoff.ready()
  console.log('generation', handoff.generation)
`

/** Root alone can act as several users; they must be able to read this checkout. */
const canActAsOthers =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, ['--input-type=module', '-e', `import ${JSON.stringify(library)}`], {
    ...{ uid: 1001, gid: 1001, cwd: '/', env: {} },
  }).status === 0

const owner = 1001
const friend = 1002
const stranger = 1003

async function makePlace() {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-allowed-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  chmodSync(directory, 0o755)
  chownSync(directory, owner, owner)
  const entry = join(directory, 'server.mjs')
  writeFileSync(entry, server)
  const port = String(await freePort())
  return (uid: number, allowUids: number[]): { child: ChildProcess; output: Output } => {
    const args = [entry, join(directory, 'rendezvous.sock'), port, JSON.stringify(allowUids)]
    const child = spawn(process.execPath, args, {
      ...{ uid, gid: uid, cwd: '/', env: {} },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const output = new Output()
    for (const stream of [child.stdout, child.stderr]) output.collect(stream)
    return { child, output }
  }
}

test.skipIf(!canActAsOthers)('an allowed user and root take over (needs root)', async () => {
  const start = await makePlace()
  const first = start(owner, [owner, friend])
  await first.output.waitFor(/^generation 1$/)
  const second = start(friend, [owner, friend])
  await second.output.waitFor(/^generation 2$/)
  if (first.child.exitCode === null) await once(first.child, 'exit')
  expect(first.child.exitCode, `${first.output}`).toBe(0)

  const third = start(0, [owner, friend])
  await third.output.waitFor(/^generation 3$/)
  const fourth = start(owner, [friend])
  await fourth.output.waitFor(/^generation 4$/)
})

test.skipIf(!canActAsOthers)('nobody else does, on either side (needs root)', async () => {
  const start = await makePlace()
  const first = start(owner, [friend])
  await first.output.waitFor(/^generation 1$/)
  const expectRefused = async (uid: number, allowUids: number[], why: RegExp) => {
    const { child, output } = start(uid, allowUids)
    await output.waitFor(why)
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(1)
  }
  // The old process does not allow it.
  await expectRefused(stranger, [owner], /ERR_HANDOFF_PEER_DENIED|peer runs as uid 1003/)
  // The new process does not: it would get descriptors and state of another user.
  await expectRefused(friend, [], /the directory \S+ belongs to uid 1001, not to uid 1002/)
  await expectRefused(0, [friend], /the directory \S+ belongs to uid 1001, not to uid 0/)
})
