import { EventEmitter } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Plan } from '../../../../packages/handoff/src/supervisor/fleet/plan.ts'
import { Rollout } from '../../../../packages/handoff/src/supervisor/fleet/rollout.ts'
import type { StartResult } from '../../../../packages/handoff/src/supervisor/registry/start-result.ts'
import type { StartRequest } from '../../../../packages/handoff/src/supervisor/worker/start/start-options.ts'
import type { Worker } from '../../../../packages/handoff/src/supervisor/worker/worker.ts'
import type { WorkerEvents } from '../../../../packages/handoff/src/supervisor/worker/worker-events.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { type Fates, noFates } from '../../../../packages/handoff/src/terms/fates.ts'

/** A worker whose processes are told by hand: pid 10 × number, and 1 more at each start. */
class FakeWorker {
  readonly number: number
  readonly rendezvous: string
  readonly events = new EventEmitter<WorkerEvents>()
  readonly asked: StartRequest[] = []
  readonly log: string[]
  busy = false
  serving: { pid: number; generation: number; fates: Fates } | undefined
  starting: number | undefined
  old: number | undefined
  place = 'held'
  #end: ((result: StartResult) => void) | undefined

  constructor(number: number, log: string[]) {
    this.number = number
    this.log = log
    this.rendezvous = `/run/rendezvous-${number}.sock`
    this.serving = { pid: number * 10, generation: 1, fates: noFates }
  }

  start(request: StartRequest): Promise<StartResult> {
    this.log.push(`start ${this.number}`)
    this.asked.push(request)
    this.starting = this.number * 10 + 1
    return new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** @param replaces - the old process, which lives until {@link old} is undefined. */
  async serve(replaces: { pid: number; generation: number } | null = null): Promise<void> {
    const pid = this.starting ?? 0
    this.old = replaces?.pid
    this.serving = { pid, generation: 2, fates: noFates }
    this.hear({ type: 'serving', replaces, listeners: [] })
    this.#end?.({ ok: true, pid, generation: 2, listeners: [], replaces })
    await settled()
  }

  /** Serves, and its old process begins its ramp. */
  async ramp(): Promise<void> {
    const { serving } = this
    await this.serve(serving ?? null)
    this.hear({ type: 'stage', stage: 'ramp', detail: '', rampMs: 1_000 }, serving?.pid)
    await settled()
  }

  /** The old process has stopped accepting, and has reported its connections. */
  async stopOld(): Promise<void> {
    const body = { listeners: [], connections: 1, open: {}, fates: noFates }
    this.hear({ type: 'status', stage: 'drain', ...body }, this.old)
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
    return this.serving?.pid === pid || this.old === pid
  }

  readonly registry = { processes: new Map() }

  isProvenAlive() {
    return true
  }

  killReason() {
    return undefined
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
