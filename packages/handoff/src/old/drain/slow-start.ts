// Lets busy connections go over a few at a time at first: the code of the new process is cold.

import type { Pace } from '../../connections/moving/pace.ts'

/**
 * A connection that was used less than this many milliseconds ago is busy: its next request is soon.
 */
const busyMs = 1_000

/** How many busy connections may go over before the first {@link SlowStart.widen}. */
const firstAllowance = 2

/**
 * By how much the allowance grows in a step. With twice as many each 250 ms, nine of ten slow answers came after
 * the step from half of 64 busy connections to all of them.
 */
const growth = 1.5

/**
 * @remarks Busy connections that have gone over stay, so the allowance counts all of them: 2, then 3, 5,
 * 8, 12 and so on. Connections that have been silent for longer need no allowance.
 */
export class SlowStart implements Pace {
  readonly busyMs: number = busyMs
  #allowance = firstAllowance
  #gone = 0
  #isWaiting = false
  #hasRefused = false
  #ended = false
  #onChange = () => {}

  /** How many more busy connections may go over now. */
  get room(): number {
    return this.#ended ? Number.POSITIVE_INFINITY : this.#allowance - this.#gone
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Whether a busy connection has had to wait since {@link beginLook}. */
  get isWaiting(): boolean {
    return this.#isWaiting && !this.#ended
  }

  /** Whether a busy connection at rest has had to stay since the last {@link widen}. */
  get hasRefused(): boolean {
    return this.#hasRefused
  }

  /** Half as many again may go over: the new process is as quick as this one with what it has. */
  widen(): void {
    if (this.#ended) return
    this.#allowance = Math.ceil(this.#allowance * growth)
    this.#hasRefused = false
    this.#onChange()
  }

  /** Lifts the limit. Cannot be undone. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#onChange()
  }

  /** Calls back when more busy connections may go over. Replaces an earlier listener. */
  onChange(listener: () => void): void {
    this.#onChange = listener
  }

  /** Connections are looked at anew: whether any has to wait is not known yet. */
  beginLook(): void {
    this.#isWaiting = false
  }

  admit(): boolean {
    if (this.room <= 0) {
      this.#isWaiting = true
      this.#hasRefused = true
      return false
    }
    this.#gone += 1
    return true
  }
}
