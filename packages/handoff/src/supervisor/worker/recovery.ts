// What follows when nobody serves any more: a take-back, a new start after a pause, or the end.

import type { Exit } from '../registry/exit.ts'
import type { Status } from '../registry/status.ts'
import { afterCrash, noCrash } from './backoff.ts'

/** The end of the process that served, or of one that was to take its place. */
export interface Loss {
  /** Unknown for a process that is not our child. */
  readonly exit: Exit | undefined
  /** 0: it never served. */
  readonly servedMs: number
  /** As the operator was told. */
  readonly why: string
}

export interface RecoveryHandlers {
  /** Starts a process. */
  restart(): void
  /** Whether the end of the server may be the end of all. */
  mayFinish(): boolean
  /** The server has ended by itself. */
  finish(): void
  /** A process that was to take back has not, for so many milliseconds: it hangs. */
  onNoTakeBack(ms: number): void
  onPause(delayMs: number, why: string): void
}

/** The old process takes back within milliseconds of the new one's end, unless it hangs. */
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

  /** What `status` tells while a crashed server waits. */
  get backoff(): Status['backoff'] {
    if (this.#restart === undefined) return null
    const { at, why } = this.#restart
    const retryInMs = Math.max(0, Math.round(at - performance.now()))
    return { crashes: this.#backoff.crashes, retryInMs, why }
  }

  lost(loss: Loss): void {
    this.#loss = loss
  }

  /** Decides anew, whenever something has changed. */
  settle({ serves, mayTakeBack }: { serves: boolean; mayTakeBack: boolean }): void {
    if (serves) {
      this.cancel()
    } else if (this.#loss !== undefined && this.#restart === undefined) {
      if (mayTakeBack) this.#takeBackTimer ??= setTimeout(() => this.#late(), takeBackTimeoutMs)
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

  #late(): void {
    this.#handlers.onNoTakeBack(takeBackTimeoutMs)
    this.#replace()
  }

  #replace(): void {
    const { exit, servedMs, why } = this.#loss as Loss
    this.cancel()
    // Nobody asked it to, and it says that all is well.
    const hasFinished = exit?.code === 0 && servedMs > 0
    if (hasFinished && this.#handlers.mayFinish()) return this.#handlers.finish()
    this.#backoff = afterCrash(this.#backoff, servedMs)
    const { delayMs } = this.#backoff
    const timer = setTimeout(() => this.#handlers.restart(), delayMs)
    this.#restart = { timer, at: performance.now() + delayMs, why }
    this.#handlers.onPause(delayMs, why)
  }
}
