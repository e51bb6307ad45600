import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { Plan } from '../../../../packages/handoff/src/supervisor/fleet/plan.ts'
import { Rollout } from '../../../../packages/handoff/src/supervisor/fleet/rollout.ts'
import type { StartResult } from '../../../../packages/handoff/src/supervisor/registry/start-result.ts'
import type { StartRequest } from '../../../../packages/handoff/src/supervisor/worker/start/start-options.ts'
import type { Worker } from '../../../../packages/handoff/src/supervisor/worker/worker.ts'
import type { WorkerEvents } from '../../../../packages/handoff/src/supervisor/worker/worker-events.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'

/** A worker whose processes are told by hand: pid 10 × number, and 1 more at each start. */
class FakeWorker {
  readonly number: number
  readonly rendezvous: string
  readonly events = new EventEmitter<WorkerEvents>()
  readonly asked: StartRequest[] = []
  readonly log: string[]
  busy = false
  serving: { pid: number; generation: number } | undefined
  starting: number | undefined
  place = 'held'
  #end: ((result: StartResult) => void) | undefined

  constructor(number: number, log: string[]) {
    this.number = number
    this.log = log
    this.rendezvous = `/run/rendezvous-${number}.sock`
    this.serving = { pid: number * 10, generation: 1 }
  }

  start(request: StartRequest): Promise<StartResult> {
    this.log.push(`start ${this.number}`)
    this.asked.push(request)
    this.starting = this.number * 10 + 1
    return new Promise((resolve) => {
      this.#end = resolve
    })
  }

  async serve(): Promise<void> {
    const pid = this.starting ?? 0
    this.serving = { pid, generation: 2 }
    this.hear({ type: 'serving', replaces: null, listeners: [] })
    this.#end?.({ ok: true, pid, generation: 2, listeners: [], replaces: null })
    await settled()
  }

  async fail(): Promise<void> {
    const failure = { code: 'ERR_HANDOFF_EXITED', message: 'cannot start.' } as const
    this.#end?.({ ok: false, failure, serving: 'old' })
    await settled()
  }

  hear(body: object, pid = this.starting ?? 0): void {
    const event = { ...body, pid, generation: 2, elapsedMs: 1 } as HandoffEvent
    this.events.emit('event', pid, event)
  }

  has(pid: number) {
    return this.serving?.pid === pid
  }

  beginLeaving() {
    this.place = 'leaving'
  }

  finishLeaving() {
    this.place = 'left'
    return true
  }

  cancelLeaving() {
    this.place = 'held'
  }

  async idle() {}
  async allKept() {}
}

const settled = () => new Promise(setImmediate)

interface Shape {
  others?: number
  entering?: number[]
  leaving?: number[]
  parallel?: boolean
}

/** A rollout over workers 1, 2, … of which the last ones come or go. */
function rollOut({ others = 0, entering = [], leaving = [], parallel = false }: Shape) {
  const log: string[] = []
  const workers = Array.from({ length: 9 }, (_, number) => new FakeWorker(number, log))
  const worker = (number: number) => workers[number] as FakeWorker
  const real = (number: number) => worker(number) as unknown as Worker
  const plan = {
    ...{ program: { entry: 'server.js' }, first: real(1), parallel, entering },
    others: Array.from({ length: others }, (_, index) => real(index + 2)),
    leaving: leaving.map(real),
    enter: async (number: number) => real(number),
  } as unknown as Plan
  return { rollout: new Rollout(plan), worker, log }
}

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
