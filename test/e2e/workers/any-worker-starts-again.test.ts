// A worker that ends by itself is started again beside the others: where they listen, whichever it was.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { expectOnlyCut } from '../../support/load/only-cut.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** Ends the process of a worker in order, and resolves when another one serves in its place. */
async function endInOrder(run: Run, worker: number, count: number): Promise<void> {
  const pid = (await run.workersServe(count))[worker - 1] as number
  process.kill(pid, 'SIGTERM')
  await until('another process serves', async () => {
    const pids = await run.workersServe(count)
    return pids[worker - 1] !== pid
  })
}

test('the first worker ends in order: nobody is refused, and a reload replaces both', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2'] })
  await run.workersServe(2)
  const load = new Load(run.target)
  await load.more(200)
  await endInOrder(run, 1, 2)
  await load.more(200)
  await run.reloadWell()
  await load.more(200)
  // Connections that wait in a queue are reset when its last holder closes it: tcp(7).
  expectOnlyCut(await load.stop(), 16)
  expect(`${run.output}`).not.toContain('EADDRINUSE')
  await run.stop()
})

test('workers that came later are the first one’s source as well', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2'] })
  await run.workersServe(2)
  for (const count of [1, 2]) {
    const { exitCode, text } = await run.reload('--workers', `${count}`)
    expect(exitCode, text).toBe(0)
  }
  const load = new Load(run.target)
  for (const worker of [1, 2, 1]) {
    await endInOrder(run, worker, 2)
    await load.more(100)
  }
  expectOnlyCut(await load.stop(), 3 * 16)
  await run.reloadWell()
  await run.stop()
})

test('a Unix path stays where the others serve, whichever worker ends', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-unix-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const run = await startRun('http-server.mjs', {
    flags: ['--workers', '2'],
    args: [join(directory, 'app.sock')],
  })
  await run.workersServe(2)
  const load = new Load(run.target)
  await load.more(200)
  for (const worker of [1, 2, 1]) {
    await endInOrder(run, worker, 2)
    await load.more(100)
  }
  await run.reloadWell()
  await load.more(100)
  // A connection that a process has accepted, and whose request it has not read, ends with it.
  expectOnlyCut(await load.stop(), 3 * 16)
  await run.stop()
  expect(readdirSync(directory)).toEqual([])
})
