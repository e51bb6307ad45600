// One process takes over from workers that have no place any more, in turn: who has handed over.

import { deferred } from '../../terms/deferred.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import type { Failure } from '../registry/outcome.ts'
import type { ProcessName } from '../registry/registry.ts'
import { sideOf } from '../registry/side.ts'
import type { Worker } from '../worker/worker.ts'

/** The process gives itself ten seconds for each (new/joining/joining.ts); ours are for one that hangs. */
const timeoutMs = 15_000

/** Follows the process that `joiner` is about to start; begin it before the start. */
export class Joins {
  readonly joiner: Worker
  readonly leaving: readonly Worker[]
  /** Why a worker serves on where it is; absent for one that has handed over. */
  readonly failures = new Map<Worker, Failure>()
  readonly #pending: Worker[]
  readonly #settled = deferred<void>()
  readonly #undo: () => void
  #process: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(joiner: Worker, leaving: readonly Worker[]) {
    this.joiner = joiner
    this.leaving = leaving
    this.#pending = [...leaving]
    this.#undo = joiner.observe({
      heard: (pid, event) => this.#heard(pid, event),
      gone: (pid) => {
        if (pid === this.#process) this.fail(gone(joiner, pid))
      },
    })
    if (leaving.length === 0) this.#end()
  }

  /** Where the process finds those that leave. */
  get paths(): string[] {
    return this.leaving.map(({ rendezvous }) => rendezvous)
  }

  /** Resolves when it is known of each whether it has handed over. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Those that have not handed over yet serve on. */
  fail(failure: Failure): void {
    for (const worker of this.#pending.splice(0)) this.#stays(worker, failure)
    this.#end()
  }

  #heard(pid: number, event: HandoffEvent): void {
    const { starting, serving } = this.joiner
    if (pid === starting && pid === serving?.pid) this.#begin(pid)
    if (pid !== this.#process) return
    if (event.type === 'joined') this.#joined(event.from, event)
    if (event.type === 'aborted' && sideOf(event.stage) === 'new') {
      const [worker] = this.#pending.splice(0, 1)
      if (worker !== undefined) this.#stays(worker, event)
    }
    if (this.#pending.length === 0) this.#end()
  }

  /** From here on whoever leaves may end at any moment: its word of that comes on another socket. */
  #begin(pid: number): void {
    if (this.#process !== undefined) return
    this.#process = pid
    for (const worker of this.#pending) worker.leave()
    const ms = timeoutMs * this.#pending.length
    this.#timer = setTimeout(() => this.fail(timedOut(pid, ms)), ms)
  }

  #joined(from: ProcessName, to: ProcessName): void {
    // One that an earlier supervisor started may not have said anything here yet.
    const known = this.#pending.findIndex((worker) => worker.has(from.pid))
    const [worker] = this.#pending.splice(Math.max(0, known), 1)
    if (worker?.left(from, to) === false) this.failures.set(worker, takenBack)
  }

  #stays(worker: Worker, { code, message }: Failure): void {
    this.failures.set(worker, { code, message })
    worker.stay()
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#undo()
    this.#settled.resolve()
  }
}

/** The process that was to take over has died since. */
export const takenBack: Failure = {
  code: 'ERR_HANDOFF_PEER_GONE',
  message: 'cannot hand over: the process that had taken over has ended.',
}

function gone({ number }: Worker, pid: number): Failure {
  const message = `cannot take over: the process of worker ${number} (pid ${pid}) has ended.`
  return { code: 'ERR_HANDOFF_PEER_GONE', message }
}

function timedOut(pid: number, ms: number): Failure {
  const message = `cannot take over: the process (pid ${pid}) says nothing of it within ${ms / 1000} s.`
  return { code: 'ERR_HANDOFF_TIMEOUT', message }
}
