// A time limit that can be set again and extended.

import { startTimer, type Timer } from '../../../io/system/system.ts'

export class Deadline {
  readonly #onExpired: (ms: number) => void
  #timer: Timer | undefined
  /** By performance.now. */
  #expires = 0

  /** @param onExpired - gets the length of the time that is over, in milliseconds. */
  constructor(onExpired: (ms: number) => void) {
    this.#onExpired = onExpired
  }

  /** Gives this much time from now on, in milliseconds, however long; Infinity is no limit. */
  set(ms: number): void {
    this.clear()
    this.#expires = performance.now() + ms
    this.#timer = startTimer(ms, () => this.#onExpired(ms))
  }

  /** The same, unless more time is left: a request for time never takes time away. @see sd_notify(3) */
  extend(ms: number): void {
    if (performance.now() + ms > this.#expires) this.set(ms)
  }

  /** How much time is left, in milliseconds. */
  get leftMs(): number {
    return Math.max(0, this.#expires - performance.now())
  }

  clear(): void {
    this.#timer?.cancel()
  }
}
