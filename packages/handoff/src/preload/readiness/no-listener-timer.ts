// Decides how long to wait for the first listener of a program.

import type { System, Timer } from '../../io/system/system.ts'

/**
 * How long to wait for the first listener, in milliseconds. Most servers listen within seconds. Later
 * listeners are handed over as well. A process that never listens counts as starting until then, and
 * no reload can begin.
 */
const bootMs = 10_000

/** The same if the old process has no listener, or if this process listens on a port that is not handed over. */
const knownMs = 1_000

export interface NoListenerOptions {
  /** Whether there is an old process. */
  readonly isReplacement: boolean
  /** Whether the old process has no listener. */
  readonly oldHasNoListener: boolean
  /** The wait takes at most half of it, so that time is left for the handoff. */
  readonly readyTimeoutMs: number
  readonly timer: System['timer']
  onTimeout(): void
}

export class NoListenerTimer {
  readonly #options: NoListenerOptions
  #timer: Timer | undefined
  #ended = false

  constructor(options: NoListenerOptions) {
    this.#options = options
    this.#wait(options.oldHasNoListener ? knownMs : bootMs)
  }

  /** Call this when the program listens on a place that is not handed over, such as port 0. */
  listensElsewhere(): void {
    // A first generation may still listen on its main port.
    if (this.#options.isReplacement) this.#wait(knownMs)
  }

  end(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  #wait(ms: number): void {
    if (this.#ended) return
    const { timer, onTimeout, readyTimeoutMs } = this.#options
    this.#timer?.cancel()
    const idle = () => {
      this.end()
      onTimeout()
    }
    this.#timer = timer(Math.min(ms, readyTimeoutMs / 2), idle, true)
  }
}
