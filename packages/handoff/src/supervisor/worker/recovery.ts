// Decides what follows when no process serves: a take-back, a new start after a pause, or the end.

import type { Exit } from '../registry/process-exit.ts'
import type { Status } from '../registry/run-status.ts'
import { afterCrash, noCrash } from './backoff.ts'

/** The end of the process that served, or of one that was to take its place. */
export interface Loss {
  /** Unknown for a process that is not our child. */
  readonly exit: Exit | undefined
  /** 0: it never served. */
  readonly servedMs: number
  /** As it was announced. */
  readonly why: string
}

export interface RecoveryHandlers {
  /** Starts a process. */
  restart(): void
  /** Whether the run may end with the server. */
  mayFinish(): boolean
  /** The server has ended by itself. */
  finish(): void
  /** A process that should take back has not done so within so many milliseconds: it hangs. */
  onNoTakeBack(ms: number): void
  onPause(delayMs: number, why: string): void
}

/** The old process takes back within milliseconds after the end of the new one, unless it hangs. */
const takeBackTimeoutMs = 5_000

export class Recovery {
  readonly #handlers: RecoveryHandlers
  #loss: Loss | undefined
  #takeBackTimer: NodeJS.Timeout | undefined
  #restart:
    | { readonly timer: NodeJS.Timeout; readonly at: number; readonly why: string }
    | undefined
  #backoff = noCrash

  constructor(handlers: RecoveryHandlers) {
    this.#handlers = handlers
  }

  /** The state while a crashed server waits for its next start. */
  get backoff(): Status['backoff'] {
    if (this.#restart === undefined) return null
    const { at, why } = this.#restart
    const retryInMs = Math.max(0, Math.round(at - performance.now()))
    return { crashes: this.#backoff.crashes, retryInMs, why }
  }

  onLoss(loss: Loss): void {
    this.#loss = loss
  }

  /** Decides again. Call it after each change. */
  update({ serves, mayTakeBack }: { serves: boolean; mayTakeBack: boolean }): void {
    if (serves) {
      this.cancel()
    } else if (this.#loss !== undefined && this.#restart === undefined) {
      if (mayTakeBack)
        this.#takeBackTimer ??= setTimeout(() => this.#onNoTakeBack(), takeBackTimeoutMs)
      else this.#replace()
    }
  }

  /** A start is under way, or the run ends: nothing is left to decide. */
  cancel(): void {
    clearTimeout(this.#takeBackTimer)
    clearTimeout(this.#restart?.timer)
    this.#takeBackTimer = undefined
    this.#restart = undefined
    this.#loss = undefined
  }

  #onNoTakeBack(): void {
    this.#handlers.onNoTakeBack(takeBackTimeoutMs)
    this.#replace()
  }

  #replace(): void {
    const { exit, servedMs, why } = this.#loss as Loss
    this.cancel()
    // It ended without a request, and reports success.
    const hasFinished = exit?.code === 0 && servedMs > 0
    if (hasFinished && this.#handlers.mayFinish()) return this.#handlers.finish()
    this.#backoff = afterCrash(this.#backoff, servedMs)
    const { delayMs } = this.#backoff
    const timer = setTimeout(() => this.#handlers.restart(), delayMs)
    this.#restart = { timer, at: performance.now() + delayMs, why }
    this.#handlers.onPause(delayMs, why)
  }
}
