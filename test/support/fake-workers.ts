// Workers of the supervisor without processes, and a rollout over them.

import { EventEmitter } from 'node:events'
import type { Plan } from '../../packages/handoff/src/supervisor/fleet/plan.ts'
import { Rollout } from '../../packages/handoff/src/supervisor/fleet/rollout.ts'
import type {
  Failure,
  StartResult,
} from '../../packages/handoff/src/supervisor/registry/start-result.ts'
import type { StartRequest } from '../../packages/handoff/src/supervisor/worker/start/start-options.ts'
import type { Worker } from '../../packages/handoff/src/supervisor/worker/worker.ts'
import type { WorkerEvents } from '../../packages/handoff/src/supervisor/worker/worker-events.ts'
import type { HandoffEvent } from '../../packages/handoff/src/terms/events.ts'
import { type Fates, noFates } from '../../packages/handoff/src/terms/fates.ts'

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
  stopping: Failure | undefined
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

/** Resolves when what has been reported has had its effects. */
export const settled = () => new Promise(setImmediate)

interface Shape {
  others?: number
  entering?: number[]
  leaving?: number[]
  parallel?: boolean
}

/** A rollout over workers 1, 2, … of which the last ones come or go. */
export function rollOut({ others = 0, entering = [], leaving = [], parallel = false }: Shape) {
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
