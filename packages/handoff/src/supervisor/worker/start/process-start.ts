// The start of one process: waits until it serves, ends or its deadline is over.

import { deferred } from '../../../terms/deferred.ts'
import { HandoffError, type HandoffErrorCode, type Serving } from '../../../terms/errors.ts'
import type { HandoffEvent } from '../../../terms/events.ts'
import { type Exit, exitText, reasonFor } from '../../registry/process-exit.ts'
import type { Report } from '../../registry/process-report.ts'
import type { Failure, StartResult } from '../../registry/start-result.ts'
import { Deadline } from '../stop/deadline.ts'

/** One minute, as the default of `readyTimeoutMs`. */
export const defaultReadyTimeoutMs = 60_000
/** A process keeps its own deadline. The supervisor's is for a process that hangs or sets none. */
export const marginMs = 5_000
/** How long a process may import state after the commit (new/imports.ts). */
const committedMs = 5_000

export interface ProcessStartOptions {
  readonly pid: number
  /** As the operator wrote it. */
  readonly entry: string
  readonly readyTimeoutMs?: number | undefined
  /** Kills the process. Its end is the result then. */
  kill(): void
}

/** Aborts of which the reason comes from the program: the process does not name itself. */
const fromProgram: ReadonlySet<HandoffErrorCode> = new Set([
  'ERR_HANDOFF_APP_FAILED',
  'ERR_HANDOFF_UNHEALTHY',
])

/** Aborts that say less than how the process ended. */
const leastRanks: { readonly [code in HandoffErrorCode]?: number } = {
  ERR_HANDOFF_PEER_GONE: 0,
  ERR_HANDOFF_EXITED: 0,
}

/** A failure. Of several about the same end, that of the highest rank says most. */
interface Explanation {
  readonly rank: number
  readonly failure: Failure
}

export class ProcessStart {
  readonly pid: number
  readonly #options: ProcessStartOptions
  readonly #result = deferred<StartResult>()
  readonly #deadline: Deadline
  /** That of the highest rank so far. */
  #explanation: Explanation | undefined
  /** Which process serves, as the new process reports. */
  #serving: Serving = 'none'
  /** What it wrote to stderr last. */
  #lastOutput: string | undefined
  /** Whether the result is known. */
  #hasEnded = false
  /** Whether it ever reported a stage: the entry has got as far as a handoff. */
  #hasReported = false
  /** Why it has aborted, as it reports. */
  #ownAbort: HandoffErrorCode | undefined
  /** The abort of a process that has begun anew since. The old process has yet to report the same. */
  #obsoleteAbort: HandoffErrorCode | undefined

  constructor(options: ProcessStartOptions) {
    this.pid = options.pid
    this.#options = options
    this.#deadline = new Deadline((ms) => this.#expired(ms))
    this.#deadline.set((options.readyTimeoutMs ?? defaultReadyTimeoutMs) + marginMs)
  }

  /** Resolves when the process serves or has ended. */
  get result(): Promise<StartResult> {
    return this.#result.promise
  }

  /** Takes note of a report of any process of this worker. */
  onReport(pid: number, { event, exception, lastOutput, extendMs }: Report): void {
    // Several reports may be read in one turn, and the result is followed in a later one: no deadline begins anew.
    if (this.#hasEnded) return
    const own = pid === this.pid
    if (own && lastOutput !== undefined) this.#lastOutput = lastOutput
    if (own && exception !== undefined) this.#fail(4, 'ERR_HANDOFF_APP_FAILED', exception)
    if (own && extendMs !== undefined) this.#deadline.extend(extendMs + marginMs)
    if (event === undefined) return
    if (own && event.type === 'stage') this.#hasReported = true
    if (own && event.type === 'stage' && event.stage === 'discover') this.#beginAnew()
    if (own && event.type === 'serving') {
      const { generation, listeners, replaces } = event
      this.#end({ ok: true, pid, generation, listeners, replaces })
    }
    // Its report of the commit was lost: the queue of the supervisor's socket was full.
    if (own && event.type === 'status' && event.stage === 'serving') {
      const { generation, listeners } = event
      this.#end({ ok: true, pid, generation, listeners, replaces: null })
    }
    // The old process has committed to it. Imports are left, which have 5 s, and the report that it serves.
    if (!own && event.type === 'stage' && (event.stage === 'ramp' || event.stage === 'drain')) {
      this.#deadline.set(committedMs + marginMs)
    }
    if (event.type === 'aborted' && (own || this.#isAboutThis(event))) this.#onAborted(own, event)
  }

  /** The process hangs after the commit, and is killed. */
  onHung(reason: string): void {
    this.#fail(6, 'ERR_HANDOFF_TIMEOUT', `it ${reason}, and was killed`)
  }

  /** Takes note of the end of the process. */
  onExit(exit: Exit): void {
    const why = reasonFor(exit, this.#lastOutput)
    const how = `the process ${exitText(exit)} before it served`
    const reason = why === undefined ? how : `${how}; ${why}`
    // An exit code, a signal or the last output says more than that nothing listened.
    const isUnexplained = why === undefined && exit.code === 0
    this.#fail(1, 'ERR_HANDOFF_EXITED', `${reason}${isUnexplained ? this.#hint() : ''}`)
    const { failure } = this.#explanation as Explanation
    this.#end({ ok: false, failure, serving: this.#serving })
  }

  /** Whether the old process aborted the handoff to this process, and not to another one. */
  #isAboutThis({ peer = this.pid }: Extract<HandoffEvent, { type: 'aborted' }>): boolean {
    return peer === this.pid
  }

  /** The handoff of the preload gives way to that of a program that imports this package late. */
  #beginAnew(): void {
    this.#obsoleteAbort = this.#ownAbort
    this.#ownAbort = undefined
    if (this.#obsoleteAbort !== undefined) this.#explanation = undefined
  }

  #onAborted(own: boolean, event: Extract<HandoffEvent, { type: 'aborted' }>): void {
    if (own) this.#ownAbort = event.code
    else if (event.code === this.#obsoleteAbort) {
      this.#obsoleteAbort = undefined
      return
    }
    // The old process sees any end as a peer that has gone. How the process ended says more.
    // The same holds of an exit, and of an exception as the supervisor hears of it.
    const { code, message } = event
    if (own && fromProgram.has(code)) this.#fail(3, code, message.replace(/^cannot [^:]+: /, ''))
    else {
      const rank = leastRanks[code] ?? (own ? 5 : 2)
      this.#explain({ rank, failure: { code, message } })
    }
    if (own) this.#serving = event.serving
    this.#hasReported = true
    // The process exits by itself, unless it hangs.
    this.#deadline.set(marginMs)
  }

  #expired(ms: number): void {
    const reason = `the process did not serve within ${Math.round(ms / 1000)} s${this.#hint()}`
    this.#fail(2, 'ERR_HANDOFF_TIMEOUT', reason)
    this.#options.kill()
  }

  #fail(rank: number, code: HandoffErrorCode, reason: string): void {
    const what = `cannot start ${this.#options.entry} (pid ${this.pid}): ${reason}`
    this.#explain({ rank, failure: { code, message: new HandoffError(code, what).message } })
  }

  /** Keeps the explanation of the highest rank, and of equals the first. */
  #explain(explanation: Explanation): void {
    if (explanation.rank > (this.#explanation?.rank ?? -1)) this.#explanation = explanation
  }

  #hint(): string {
    return this.#hasReported
      ? ''
      : '; it has not listened on any port or Unix path that can be handed over'
  }

  #end(result: StartResult): void {
    this.#hasEnded = true
    this.#deadline.clear()
    this.#result.resolve(result)
  }
}
