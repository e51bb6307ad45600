// One new process on its way to serve: waits for its word, its end, or the deadline.

import { deferred } from '../../../terms/deferred.ts'
import { HandoffError, type HandoffErrorCode, type Serving } from '../../../terms/errors.ts'
import type { HandoffEvent } from '../../../terms/events.ts'
import type { Report } from '../../registry/event.ts'
import { type Exit, exitText, reasonFor } from '../../registry/exit.ts'
import type { Failure, Outcome } from '../../registry/outcome.ts'
import { Deadline } from '../stop/deadline.ts'

/** One minute, as the default of `readyTimeoutMs`. */
export const defaultReadyTimeoutMs = 60_000
/** The process keeps its own deadline; ours is for one that hangs or never set any. */
export const marginMs = 5_000
/** How long a process may import state after the commit (new/imports.ts). */
const committedMs = 5_000

export interface AttemptOptions {
  readonly pid: number
  /** As the operator wrote it, for messages. */
  readonly entry: string
  readonly readyTimeoutMs?: number | undefined
  /** Kills the process; its end then settles the attempt. */
  kill(): void
}

/** A failure, and how much it says beside others about the same end. */
interface Explanation {
  readonly rank: number
  readonly failure: Failure
}

/** Settles once: the process serves, or it has ended without. */
export class Attempt {
  readonly pid: number
  readonly #options: AttemptOptions
  readonly #outcome = deferred<Outcome>()
  readonly #deadline: Deadline
  /** The best one so far. */
  #explanation: Explanation | undefined
  /** Who serves, by the new process's own word. */
  #serving: Serving | undefined
  /** What it wrote to stderr last. */
  #words: string | undefined
  /** Whether it ever reported a stage: the entry has got as far as a handoff. */
  #joined = false
  /** Why it has given up, by its own word. */
  #ownAbort: HandoffErrorCode | undefined
  /** It has begun anew since, and the old process has yet to report the same. */
  #withdrawn: HandoffErrorCode | undefined

  constructor(options: AttemptOptions) {
    this.pid = options.pid
    this.#options = options
    this.#deadline = new Deadline((ms) => this.#expired(ms))
    this.#deadline.set((options.readyTimeoutMs ?? defaultReadyTimeoutMs) + marginMs)
  }

  get outcome(): Promise<Outcome> {
    return this.#outcome.promise
  }

  /** Takes note of what any process of this run reports. */
  heard(pid: number, { event, exception, words, extendMs }: Report): void {
    const own = pid === this.pid
    if (own && words !== undefined) this.#words = words
    if (own && exception !== undefined) this.#fail(3, 'ERR_HANDOFF_APP_FAILED', exception)
    if (own && extendMs !== undefined) this.#deadline.extend(extendMs + marginMs)
    if (event === undefined) return
    if (own && event.type === 'stage') this.#joined = true
    if (own && event.type === 'stage' && event.stage === 'discover') this.#beginsAnew()
    if (own && event.type === 'serving') {
      const { generation, listeners, replaces } = event
      this.#end({ ok: true, pid, generation, listeners, replaces })
    }
    // Its word of the commit was lost: so many came at once that our socket's queue was full.
    if (own && event.type === 'status' && event.stage === 'serving') {
      const { generation, listeners } = event
      this.#end({ ok: true, pid, generation, listeners, replaces: null })
    }
    // The old process has committed to it: what is left are imports, which have 5 s, and its first word.
    if (!own && event.type === 'stage' && event.stage === 'drain') {
      this.#deadline.set(committedMs + marginMs)
    }
    if (event.type === 'aborted' && (own || this.#isMine(event))) this.#aborted(own, event)
  }

  /** The process hangs after the commit, and is being killed. */
  hung(reason: string): void {
    this.#fail(5, 'ERR_HANDOFF_TIMEOUT', `it ${reason}, and was killed`)
  }

  /** Takes note of the end of the process. */
  exited(exit: Exit): void {
    const why = reasonFor(exit, this.#words)
    const how = `the process ${exitText(exit)} before it served`
    const reason = why === undefined ? how : `${how}; ${why}`
    // An exit code, a signal or last words say more than that nothing listened.
    const isUnexplained = why === undefined && exit.code === 0
    this.#fail(1, 'ERR_HANDOFF_EXITED', `${reason}${isUnexplained ? this.#hint() : ''}`)
    const { failure } = this.#explanation as Explanation
    this.#end({ ok: false, failure, ...(this.#serving && { serving: this.#serving }) })
  }

  /** Whether the old process gave up on this process, and not on another one that had connected. */
  #isMine({ peer = this.pid }: Extract<HandoffEvent, { type: 'aborted' }>): boolean {
    return peer === this.pid
  }

  /** The handoff of the preload gives way to that of a program that imports this package late. */
  #beginsAnew(): void {
    this.#withdrawn = this.#ownAbort
    this.#ownAbort = undefined
    if (this.#withdrawn !== undefined) this.#explanation = undefined
  }

  #aborted(own: boolean, event: Extract<HandoffEvent, { type: 'aborted' }>): void {
    if (own) this.#ownAbort = event.code
    else if (event.code === this.#withdrawn) {
      this.#withdrawn = undefined
      return
    }
    // That the peer has gone is what the old process sees of any end; how it ended says more.
    const rank = own ? 4 : event.code === 'ERR_HANDOFF_PEER_GONE' ? 0 : 2
    this.#explain({ rank, failure: { code: event.code, message: event.message } })
    if (own) this.#serving = event.serving
    this.#joined = true
    // It exits by itself, unless it hangs.
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

  /** Keeps the explanation that says most; of equals, the first. */
  #explain(explanation: Explanation): void {
    if (explanation.rank > (this.#explanation?.rank ?? -1)) this.#explanation = explanation
  }

  #hint(): string {
    return this.#joined
      ? ''
      : '; it has not listened on any port or Unix path that can be handed over'
  }

  #end(outcome: Outcome): void {
    this.#deadline.clear()
    this.#outcome.resolve(outcome)
  }
}
