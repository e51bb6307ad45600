// Somebody removes the directory of a run, as programs that clean up /tmp do: the server is none the worse.

import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { expectOnlyCut } from '../../support/load/only-cut.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** Removes the directory, and resolves when all that a reload needs is there again. */
async function removeDirectory(run: Run): Promise<void> {
  const directory = dirname(run.rendezvous)
  rmSync(directory, { recursive: true })
  const names = ['supervisor.lock', 'control.sock', 'notify.sock', 'rendezvous.sock']
  await until('it is made anew', () => names.every((name) => existsSync(join(directory, name))))
}

test('right after a reload nothing is killed, and the next reloads work', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--watchdog', '2s'] })
  const load = new Load(run.target)
  await run.reloadWell()
  const { serving } = await run.status()
  await removeDirectory(run)
  await run.output.waitFor(/test, or a file in it, was removed and has been created again/)
  const began = performance.now()
  await until('a hang guard would have ended it', () => performance.now() - began > 6_000)
  expect((await run.status()).serving).toBe(serving)
  await run.reloadWell()
  await load.more(100)
  await removeDirectory(run)
  await run.reloadWell()
  expectOnlyCut(await load.stop(), 0)
  expect(`${run.output}`).not.toContain('sent no report')
  await run.stop()
})

test('a reload at once waits for the meeting place, and takes over there', async () => {
  const run = await startRun('http-server.mjs')
  rmSync(dirname(run.rendezvous), { recursive: true })
  await run.output.waitFor(/has been created again/)
  await run.reloadWell()
  expect((await run.status()).generation).toBe(2)
  await run.stop()
})

test('a crash is repaired after that', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2'] })
  const [first = 0] = await run.workersServe(2)
  rmSync(dirname(run.rendezvous), { recursive: true })
  process.kill(first, 'SIGKILL')
  await until('another process serves', async () => {
    const directory = dirname(run.rendezvous)
    if (!existsSync(join(directory, 'control.sock'))) return false
    return (await run.workersServe(2))[0] !== first
  })
  await run.stop()
})
