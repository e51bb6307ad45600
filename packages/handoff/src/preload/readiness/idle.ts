// Decides when a program that listens on nothing of ours is expected to listen no more.

import type { System, Timer } from '../../io/system/system.ts'

/**
 * How long a program may take until it listens, in milliseconds. Most servers listen within seconds.
 * Nothing is lost if one comes later: its listeners are handed over from then on. Until then a
 * process that will never listen counts as starting, and no reload can begin.
 */
const bootMs = 10_000

/** The same for a program that is known to listen on nothing, or listens elsewhere by now. */
const knownMs = 1_000

export interface IdleOptions {
  /** Whether there is an old process, which may listen. */
  readonly isReplacement: boolean
  /** Whether the old process listens on nothing. */
  readonly isKnown: boolean
  /** Half of it is the longest wait: the rest is for what follows. */
  readonly readyTimeoutMs: number
  readonly timer: System['timer']
  onIdle(): void
}

export class Idle {
  readonly #options: IdleOptions
  #timer: Timer | undefined
  #ended = false

  constructor(options: IdleOptions) {
    this.#options = options
    this.#wait(options.isKnown ? knownMs : bootMs)
  }

  /** The program listens where no handoff takes the listener, such as on port 0. */
  listensElsewhere(): void {
    // A first generation may still come to its main port.
    if (this.#options.isReplacement) this.#wait(knownMs)
  }

  end(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  #wait(ms: number): void {
    if (this.#ended) return
    const { timer, onIdle, readyTimeoutMs } = this.#options
    this.#timer?.cancel()
    const idle = () => {
      this.end()
      onIdle()
    }
    this.#timer = timer(Math.min(ms, readyTimeoutMs / 2), idle, true)
  }
}
