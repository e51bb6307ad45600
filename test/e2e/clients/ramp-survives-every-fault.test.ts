// Both processes accept, and then one of them is killed, stands still or is stopped.
//
// The new process is slow on purpose, so that the ramp lasts as long as it may.

import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { seeded } from '../../support/load/random.ts'
import type { Tally } from '../../support/load/tally.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** The clients of a load. Each has one request under way at most. */
const CLIENTS = 16
/** The ramp of the fixture lasts 3 s; the fault comes before that. */
const LATEST_MS = 1_500

const random = seeded(5)

interface InRamp {
  run: Run
  failure: FailureFile
  old: number
  /** The process that has just begun to serve beside the old one. */
  next: number
  load: Load
  reload: ReturnType<Run['reload']>
}

/** A server under load, at a random moment of a ramp. */
async function inRamp(): Promise<InRamp> {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', { env: failure.env })
  const old = await run.listening()
  const load = new Load(run.target)
  await load.more(100)
  failure.next('lag', 'serving')
  const from = run.output.lines.length
  const reload = run.reload()
  const next = await run.listening(from)
  failure.none()
  await pause(random() * LATEST_MS)
  // The old process reports its ramp a moment after the new one serves.
  await until('the old process is in its ramp', async () => {
    const { processes } = await run.status()
    return processes.find(({ pid }) => pid === old)?.stage === 'ramp'
  })
  return { run, failure, old, next, load, reload }
}

/** What failed was under way in the process that died: nothing was refused, and nothing came too late. */
function expectOnlyItsOwn(tally: Tally): void {
  const cut = tally.count('newConnection', 'reset') + tally.count('newConnection', 'truncated')
  expect(tally.failed, `${tally}`).toBe(cut)
  expect(cut, `${tally}`).toBeLessThanOrEqual(CLIENTS)
}

/** Each of so many requests is answered by this process. */
async function servesAlone(run: Run, pid: number): Promise<void> {
  const load = new Load(run.target)
  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect([...tally.pids.keys()], `${run.output}`).toEqual([`${pid}`])
}

test.each([1, 2, 3])('the new process is killed (%i)', { timeout: 120_000 }, async () => {
  const { run, old, next, load, reload } = await inRamp()
  process.kill(next, 'SIGKILL')
  await run.output.waitFor(/has taken back, and had never stopped accepting/)
  await load.more(100)
  expectOnlyItsOwn(await load.stop())
  await servesAlone(run, old)
  expect((await reload).exitCode).toBe(1)
  await run.reloadWell()
  await run.stop()
})

test('the new process stands still: clients are served meanwhile, and after it was killed', {
  timeout: 120_000,
}, async () => {
  const { run, old, next, load, reload } = await inRamp()
  process.kill(next, 'SIGSTOP')
  // More than there are clients: the old process answers those that come now.
  const meanwhile = new Load(run.target)
  await meanwhile.more(500)
  const { pids } = meanwhile.tally
  expect([...pids.keys()], `${run.output}`).toEqual([`${old}`])
  await run.output.waitFor(/was killed by this supervisor/)
  await run.output.waitFor(/has taken back, and had never stopped accepting/)
  await meanwhile.more(100)
  expect((await meanwhile.stop()).failed, `${meanwhile.tally}`).toBe(0)
  expectOnlyItsOwn(await load.stop())
  await servesAlone(run, old)
  expect((await reload).exitCode).toBe(1)
  await run.stop()
})

test('the old process is killed: the new one serves on, and can be replaced', {
  timeout: 120_000,
}, async () => {
  const { run, old, next, load, reload } = await inRamp()
  process.kill(old, 'SIGKILL')
  await load.more(100)
  expectOnlyItsOwn(await load.stop())
  await servesAlone(run, next)
  const { exitCode, text } = await reload
  expect(exitCode, text).toBe(0)
  await run.reloadWell()
  await run.stop()
})

test('the server is stopped: nothing is left', { timeout: 120_000 }, async () => {
  const { run, load, reload } = await inRamp()
  // From here on clients are refused.
  await load.stop()
  await run.stop()
  await reload
})

test('a reload that comes in the ramp waits for its end, and loses nothing', {
  timeout: 120_000,
}, async () => {
  const { run, old, load, reload } = await inRamp()
  await run.reloadWell()
  expect((await reload).exitCode).toBe(0)
  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect([...tally.pids.keys()]).toContain(`${old}`)
  await run.stop()
})
