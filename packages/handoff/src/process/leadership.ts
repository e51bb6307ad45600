// Decides when this process leads: when it may do what only one process may do.

import type { GenerationLine } from '../generation/generation-line.ts'
import { type LeaderLock, tryLeaderLock } from '../io/rendezvous/leader-lock.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { Birth } from '../new/birth.ts'
import type { Succession } from '../old/succession.ts'
import { deferred } from '../terms/deferred.ts'
import { reasonOf } from '../terms/errors.ts'

/** How soon the lock is tried again, in milliseconds: at first, and at most. */
const firstRetryMs = 10
const lastRetryMs = 1_000

/** What decides whether this process leads. */
export interface LeadershipContext {
  /** Its number among the workers of a run. Each worker has its own line. */
  readonly worker: number
  /** Where the processes meet that may lead in place of each other. */
  readonly rendezvous: string | undefined
  readonly system: System
  readonly line: Pick<GenerationLine, 'older' | 'isKnown'>
  readonly birth: Pick<Birth, 'served' | 'oldMayLive'>
  readonly succession: Pick<Succession, 'isBeforeCommit'>
  onWarning(message: string): void
}

/**
 * Within a line the kernel reports the end of each older process. A process that found no old one,
 * since that was killed, begins its own line. A lock keeps it from leading while a process of the line
 * before still leads.
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

  /** Call this when any part of the context may have changed. */
  check(): void {
    const { worker, line, birth, succession } = this.#context
    // A program that does not ask does not lead. Of several workers only the first leads: it always exists.
    if (!this.#asked || worker > 1 || this.#lock !== undefined) return
    if (this.#closed || !birth.served || !succession.isBeforeCommit) return
    if (line.older.length > 0 || (birth.oldMayLive && !line.isKnown)) return
    this.#lock = this.#tryLock()
    if (this.#lock === undefined) this.#tryAgain()
    else this.#leads.resolve()
  }

  /** A process that does not lead by now never will: the application closes. */
  close(): void {
    this.#closed = true
    this.#retry?.cancel()
  }

  /** Lets another process lead: the application has ended its work as leader. */
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

  /** Retries at an interval: the kernel does not report the end of the process that has the lock. */
  #tryAgain(): void {
    this.#retry?.cancel()
    this.#retry = this.#context.system.timer(this.#retryMs, () => this.check(), true)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }
}
