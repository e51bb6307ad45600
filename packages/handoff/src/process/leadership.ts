// Which process may do what only one may do.

import type { Line } from '../generation/line.ts'
import { type LeaderLock, tryLeaderLock } from '../io/rendezvous/leader-lock.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { Birth } from '../new/birth.ts'
import { beforeCommit } from '../old/stage-of.ts'
import type { Succession } from '../old/succession.ts'
import { deferred } from '../terms/deferred.ts'
import { reasonOf } from '../terms/errors.ts'

/** How soon the lock is tried again, in milliseconds: at first, and at the latest. */
const firstRetryMs = 10
const lastRetryMs = 1_000

/** What it takes to know whether this process leads. */
export interface LeadershipContext {
  /** The number among the workers of a run, each with a line of its own. */
  readonly worker: number
  /** Where the processes meet that may lead in place of each other. */
  readonly rendezvous: string | undefined
  readonly system: System
  readonly line: Pick<Line, 'older' | 'told'>
  readonly birth: Pick<Birth, 'served' | 'oldMayLive'>
  readonly succession: Pick<Succession, 'state'>
  onWarning(message: string): void
}

/**
 * Within a line the kernel reports the end of each older process. A process that found no old one,
 * since that was killed, is in a line of its own: a lock keeps it from leading while a process of
 * the line before still does.
 */
export class Leadership {
  readonly #context: LeadershipContext
  readonly #leads = deferred<void>()
  #asked = false
  #closed = false
  #lock: LeaderLock | undefined
  #retry: Timer | undefined
  #retryMs = firstRetryMs

  constructor(context: LeadershipContext) {
    this.#context = context
  }

  /** Resolves when this process leads: it serves, and no older generation lives. */
  get promise(): Promise<void> {
    this.#asked = true
    this.check()
    return this.#leads.promise
  }

  /** Call this when something that it depends on may have changed. */
  check(): void {
    const { worker, line, birth, succession } = this.#context
    // A program that does not ask leads nothing. Nor do workers but the first, which is always there.
    if (!this.#asked || worker > 1 || this.#lock !== undefined) return
    if (this.#closed || !birth.served || !beforeCommit.has(succession.state)) return
    if (line.older.length > 0 || (birth.oldMayLive && !line.told)) return
    this.#lock = this.#tryLock()
    if (this.#lock === undefined) this.#tryAgain()
    else this.#leads.resolve()
  }

  /** The application closes: a process that does not lead by now never will. */
  close(): void {
    this.#closed = true
    this.#retry?.cancel()
  }

  /** What the application did as leader has ended: another process may lead. */
  end(): void {
    this.close()
    this.#lock?.release()
  }

  #tryLock(): LeaderLock | undefined {
    try {
      return tryLeaderLock(this.#context.rendezvous)
    } catch (error) {
      const reason = `no lock keeps processes of other lines from leading: ${reasonOf(error)}`
      this.#context.onWarning(reason)
      return { release() {} }
    }
  }

  /** Nothing reports the end of the process that has it: that one is not in this line. */
  #tryAgain(): void {
    this.#retry?.cancel()
    this.#retry = this.#context.system.timer(this.#retryMs, () => this.check(), true)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }
}
