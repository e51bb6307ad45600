// One process takes over from surplus workers, one after the other.

import { deferred } from '../../terms/deferred.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import type { ProcessName } from '../registry/registry.ts'
import { sideOf } from '../registry/side.ts'
import type { Failure } from '../registry/start-result.ts'
import type { Worker } from '../worker/worker.ts'

/**
 * A process gives itself ten seconds for each worker (new/joining/joining.ts), after the ramp of its own old
 * process. This is for a process that hangs.
 */
const timeoutMs = 15_000

/** Follows the process that `joiner` is about to start. Make it before the start. */
export class Takeovers {
  readonly joiner: Worker
  readonly leaving: readonly Worker[]
  /** Why a worker serves on where it is; absent for a worker that has handed over. */
  readonly failures = new Map<Worker, Failure>()
  readonly #pending: Worker[]
  readonly #settled = deferred<void>()
  #pid: number | undefined
  /** How long the ramp of the old process of `joiner` lasts at most. */
  #rampMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(joiner: Worker, leaving: readonly Worker[]) {
    this.joiner = joiner
    this.leaving = leaving
    this.#pending = [...leaving]
    joiner.events.on('event', this.#onEvent).on('exit', this.#onExit)
    if (leaving.length === 0) this.#end()
  }

  /** The rendezvous sockets of the workers that leave. */
  get paths(): string[] {
    return this.leaving.map(({ rendezvous }) => rendezvous)
  }

  /** Whether each worker has handed over or has failed to. */
  get isSettled(): boolean {
    return this.#pending.length === 0
  }

  /** Resolves when {@link isSettled}. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** The workers that have not handed over yet serve on. */
  fail(failure: Failure): void {
    for (const worker of this.#pending.splice(0)) this.#onFailure(worker, failure)
    this.#end()
  }

  readonly #onEvent = (pid: number, event: HandoffEvent): void => {
    const { starting, serving } = this.joiner
    if (pid === starting && pid === serving?.pid) this.#begin(pid)
    if (event.type === 'stage' && event.stage === 'ramp') this.#extend(event.rampMs ?? 0)
    if (pid !== this.#pid) return
    if (event.type === 'joined') this.#onJoined(event.from, event)
    if (event.type === 'aborted' && sideOf(event.stage) === 'new') {
      const [worker] = this.#pending.splice(0, 1)
      if (worker !== undefined) this.#onFailure(worker, event)
    }
    if (this.#pending.length === 0) this.#end()
  }

  readonly #onExit = (pid: number): void => {
    if (pid === this.#pid) this.fail(exited(this.joiner, pid))
  }

  /** The process serves. A worker may end from now on, before the report that it has handed over. */
  #begin(pid: number): void {
    if (this.#pid !== undefined) return
    this.#pid = pid
    for (const worker of this.#pending) worker.beginLeaving()
    this.#setTimer()
  }

  #extend(rampMs: number): void {
    this.#rampMs = rampMs
    if (this.#timer !== undefined) this.#setTimer()
  }

  #setTimer(): void {
    clearTimeout(this.#timer)
    const ms = this.#rampMs + timeoutMs * this.leaving.length
    this.#timer = setTimeout(() => this.fail(timedOut(this.#pid ?? 0, ms)), ms)
  }

  #onJoined(from: ProcessName, to: ProcessName): void {
    // A process of an earlier supervisor may not have reported here yet.
    const known = this.#pending.findIndex((worker) => worker.has(from.pid))
    const [worker] = this.#pending.splice(Math.max(0, known), 1)
    if (worker?.finishLeaving(from, to) === false) this.failures.set(worker, takenBack)
  }

  #onFailure(worker: Worker, { code, message }: Failure): void {
    this.failures.set(worker, { code, message })
    worker.cancelLeaving()
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.joiner.events.off('event', this.#onEvent).off('exit', this.#onExit)
    this.#settled.resolve()
  }
}

/** The process that had taken over has ended. */
export const takenBack: Failure = {
  code: 'ERR_HANDOFF_PEER_GONE',
  message: 'cannot hand over: the process that had taken over has ended.',
}

function exited({ number }: Worker, pid: number): Failure {
  const message = `cannot take over: the process of worker ${number} (pid ${pid}) has ended.`
  return { code: 'ERR_HANDOFF_PEER_GONE', message }
}

function timedOut(pid: number, ms: number): Failure {
  const message = `cannot take over: the process (pid ${pid}) has not reported it within ${ms / 1000} s.`
  return { code: 'ERR_HANDOFF_TIMEOUT', message }
}
