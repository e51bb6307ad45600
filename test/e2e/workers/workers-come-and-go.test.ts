// The number of workers changes: nothing that waits in the queue of one that goes is lost.

import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { everything, Load } from '../../support/load/load.ts'
import { expectOnlyCut } from '../../support/load/only-cut.ts'
import { alive, gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

test('from one to four to two workers under load, nothing is lost', async () => {
  const run = await startRun('http-server.mjs')
  const load = new Load(run.target, everything)
  await load.more(100)

  const grown = await run.reload('--workers', '4')
  expect(grown.exitCode, grown.text).toBe(0)
  expect(grown.events.at(-1)).toMatchObject({
    workers: [
      { worker: 1, outcome: 'reloaded' },
      ...[2, 3, 4].map((worker) => ({ worker, outcome: 'started', generation: 2 })),
    ],
  })
  const four = await run.workersServe(4)
  await load.more(200)

  const shrunk = await run.reload('--workers', '2', '--wait', 'exit')
  expect(shrunk.exitCode, shrunk.text).toBe(0)
  expect(shrunk.events.at(-1)).toMatchObject({
    workers: [
      { worker: 1, outcome: 'reloaded' },
      { worker: 2, outcome: 'reloaded' },
      { worker: 3, outcome: 'left', to: 1 },
      { worker: 4, outcome: 'left', to: 2 },
    ],
  })
  for (const pid of four) await gone(pid)
  await run.workersServe(2)
  await load.more(200)

  // What was taken in goes on with the rest.
  await run.reloadWell()
  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
})

test('a worker that has taken in another one keeps both queues when it dies', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2'] })
  await run.workersServe(2)
  const { exitCode, text } = await run.reload('--workers', '1', '--wait', 'exit')
  expect(exitCode, text).toBe(0)
  const [pid = 0] = await run.workersServe(1)
  const load = new Load(run.target, { newConnection: 16 })
  await load.more(100)

  process.kill(pid, 'SIGKILL')
  await run.output.waitFor(new RegExp(`pid ${pid}\\) was killed by SIGKILL`))
  await load.more(200)

  const tally = await load.stop()
  expectOnlyCut(tally, 16)
  await run.stop()
})

test('a worker that has handed over takes back, and goes at the next reload', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2', '--probation', '60s'] })
  const before = await run.workersServe(2)
  const load = new Load(run.target, { newConnection: 16 })
  const { exitCode, text } = await run.reload('--workers', '1')
  expect(exitCode, text).toBe(0)
  const [pid = 0] = await run.workersServe(1)
  await load.more(100)

  process.kill(pid, 'SIGKILL')
  await until('both have taken back', async () => {
    return isDeepStrictEqual(await run.workersServe(2), before)
  })
  await load.more(100)
  expect(load.tally.count('newConnection', 'refused'), `${load.tally}`).toBe(0)

  const again = await run.reload()
  expect(again.exitCode, again.text).toBe(0)
  expect(again.events.at(-1)).toMatchObject({
    workers: [
      { worker: 1, outcome: 'reloaded' },
      { worker: 2, outcome: 'left', to: 1 },
    ],
  })
  await run.workersServe(1)
  await load.more(100)
  const tally = await load.stop()
  expectOnlyCut(tally, 16)
  await run.stop()
})

test('the number of a worker that still drains is taken again when that has ended', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2', '--probation', '4s'] })
  const [, second = 0] = await run.workersServe(2)
  const fewer = await run.reload('--workers', '1')
  expect(fewer.exitCode, fewer.text).toBe(0)

  const more = await run.reload('--workers', '2')

  expect(more.exitCode, more.text).toBe(0)
  expect(alive(second)).toBe(false)
  expect((await run.workersServe(2)).includes(second)).toBe(false)
  await run.stop()
})

test('a new supervisor with fewer workers takes in those of the one before', async () => {
  const first = await startRun('http-server.mjs', { flags: ['--workers', '3'] })
  const before = await first.workersServe(3)
  const load = new Load(first.target, everything)
  await load.more(100)

  first.supervisor.kill('SIGKILL')
  await once(first.supervisor, 'exit')
  await load.more(50)
  const second = await startRun('http-server.mjs', { after: first, flags: ['--workers', '1'] })
  await second.output.waitFor(/worker 3: has handed over to worker 1/)
  for (const pid of before) await gone(pid, 30_000)
  await load.more(100)

  await second.workersServe(1)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await second.stop()
})
