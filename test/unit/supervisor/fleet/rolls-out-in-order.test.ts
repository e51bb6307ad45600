import { expect, onTestFinished, test, vi } from 'vitest'
import { rollOut, settled } from '../../../support/fake-workers.ts'

test('the first worker goes alone, then one after the other, then those that come', async () => {
  const { rollout, worker, log } = rollOut({ others: 2, entering: [4, 5] })
  expect(log).toEqual(['start 1'])
  await worker(1).serve()
  expect(log).toEqual(['start 1', 'start 2'])
  await worker(2).serve()
  expect(log.at(-1)).toBe('start 3')
  expect(rollout.isComplete).toBe(false)
  await worker(3).serve()
  expect(log.slice(3)).toEqual(['start 4', 'start 5'])
  expect(rollout.isComplete).toBe(true)
  await worker(5).serve()
  await worker(4).serve()
  expect(await rollout.done).toBe(true)
  expect(rollout.renewed).toEqual([1, 2, 3, 4, 5])
})

test('in parallel all others start when the first one serves', async () => {
  const { rollout, worker, log } = rollOut({ others: 3, parallel: true })
  await worker(1).serve()
  expect(log).toEqual(['start 1', 'start 2', 'start 3', 'start 4'])
  for (const number of [4, 2, 3]) await worker(number).serve()
  expect(await rollout.done).toBe(true)
})

test('when the first worker fails, no other is touched', async () => {
  const { rollout, worker, log } = rollOut({ others: 2, entering: [4] })
  await worker(1).fail()
  expect(await rollout.done).toBe(false)
  expect(log).toEqual(['start 1'])
  expect(rollout.untouched.map(({ number }) => number)).toEqual([2, 3])
  expect(rollout.renewed).toEqual([])
})

test('a later failure stops what is after it', async () => {
  const { rollout, worker, log } = rollOut({ others: 3, entering: [5], leaving: [7, 8] })
  await worker(1).serve()
  await worker(2).fail()
  expect(await rollout.done).toBe(false)
  expect(log).toEqual(['start 1', 'start 2'])
  expect(rollout.renewed).toEqual([1])
  expect(rollout.isComplete).toBe(false)
})

test('those that go are spread over those that stay, and their end is no crash from then on', async () => {
  const { rollout, worker } = rollOut({ others: 1, leaving: [3, 4, 5] })
  expect(worker(1).asked[0]?.joins).toEqual(['/run/rendezvous-3.sock', '/run/rendezvous-5.sock'])
  expect(worker(3).place).toBe('held')
  await worker(1).serve()
  expect([worker(3).place, worker(5).place, worker(4).place]).toEqual([
    'leaving',
    'leaving',
    'held',
  ])

  worker(1).hear({ type: 'joined', from: { pid: 30, generation: 1 }, listeners: [] })
  worker(1).hear({ type: 'joined', from: { pid: 50, generation: 1 }, listeners: [] })
  await settled()
  expect(worker(2).asked[0]?.joins).toEqual(['/run/rendezvous-4.sock'])
  await worker(2).serve()
  // Of an earlier supervisor's process nothing may be known: it is the one that is on.
  worker(2).hear({ type: 'joined', from: { pid: 99, generation: 1 }, listeners: [] })

  expect(await rollout.done).toBe(true)
  expect([3, 4, 5].map((number) => worker(number).place)).toEqual(['left', 'left', 'left'])
})

test('one that could not hand over stays, and the next one goes all the same', async () => {
  const { rollout, worker } = rollOut({ leaving: [2, 3] })
  await worker(1).serve()
  const failure = { code: 'ERR_HANDOFF_BUSY', message: 'It is busy.' }
  worker(1).hear({ type: 'aborted', stage: 'discover', serving: 'old', ...failure })
  worker(1).hear({ type: 'joined', from: { pid: 30, generation: 1 }, listeners: [] })

  expect(await rollout.done).toBe(false)
  expect(rollout.isComplete).toBe(true)
  expect([worker(2).place, worker(3).place]).toEqual(['held', 'left'])
  expect([...(rollout.takeovers[0]?.failures.values() ?? [])]).toEqual([failure])
})

test('when the process that takes over dies, all that have not handed over stay', async () => {
  const { rollout, worker } = rollOut({ leaving: [2, 3] })
  await worker(1).serve()
  worker(1).hear({ type: 'joined', from: { pid: 20, generation: 1 }, listeners: [] })
  worker(1).events.emit('exit', 11)
  expect(await rollout.done).toBe(false)
  expect([worker(2).place, worker(3).place]).toEqual(['left', 'held'])
})

test('what the old process of the same worker tells is not about those that go', async () => {
  const { rollout, worker } = rollOut({ leaving: [2] })
  worker(1).hear({ type: 'status', stage: 'serving' }, 10)
  const aborted = { type: 'aborted', stage: 'discover', code: 'X', message: '', serving: 'old' }
  worker(1).hear(aborted, 10)
  await worker(1).serve()
  worker(1).hear({ type: 'joined', from: { pid: 20, generation: 1 }, listeners: [] })
  expect(await rollout.done).toBe(true)
})

test('a worker that cannot be replaced takes nobody in', async () => {
  const { rollout, worker } = rollOut({ leaving: [2] })
  await worker(1).fail()
  expect(await rollout.done).toBe(false)
  expect(worker(2).place).toBe('held')
  expect(rollout.takeovers[0]?.failures.size).toBe(1)
})

test('the next worker starts when the ramp of the one before has ended, and the rollout ends with the last ramp', async () => {
  const { rollout, worker, log } = rollOut({ others: 1 })
  expect(rollout.isRamping).toBe(false)
  await worker(1).ramp()
  expect(log).toEqual(['start 1'])
  expect(rollout.isRamping, 'worker 2 has yet to start').toBe(false)
  await worker(1).stopOld()
  expect(log).toEqual(['start 1', 'start 2'])
  await worker(2).ramp()
  let isDone = false
  void rollout.done.then(() => {
    isDone = true
  })
  await settled()
  expect(isDone).toBe(false)
  expect(rollout.isRamping).toBe(true)
  await worker(2).stopOld()
  expect(await rollout.done).toBe(true)
})

test('in parallel the ramps are, too', async () => {
  const { rollout, worker, log } = rollOut({ others: 2, parallel: true })
  await worker(1).ramp()
  await worker(1).stopOld()
  expect(log).toEqual(['start 1', 'start 2', 'start 3'])
  await worker(2).ramp()
  await worker(3).ramp()
  expect(rollout.isRamping).toBe(true)
  await worker(3).stopOld()
  await worker(2).stopOld()
  expect(await rollout.done).toBe(true)
})

test('when a new process dies in its ramp, the next worker is not tried', async () => {
  const { rollout, worker, log } = rollOut({ others: 1 })
  const old = worker(1).serving
  await worker(1).ramp()
  worker(1).serving = old
  worker(1).hear({ type: 'taken-back', code: 'X', message: 'gone' }, old?.pid)
  expect(await rollout.done).toBe(false)
  expect(log).toEqual(['start 1'])
  expect(rollout.renewed).toEqual([])
})

test('surplus workers have their time after the ramp of the worker that takes over from them', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { rollout, worker } = rollOut({ leaving: [2] })
  await worker(1).ramp()
  // 15 s, and a ramp of 1 s.
  vi.advanceTimersByTime(15_999)
  await settled()
  expect(worker(2).place).toBe('leaving')
  vi.advanceTimersByTime(1)
  await settled()
  expect(worker(2).place).toBe('held')
  expect(rollout.takeovers[0]?.failures.size).toBe(1)
})
