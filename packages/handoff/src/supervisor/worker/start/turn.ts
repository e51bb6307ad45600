// Waits while a process that is not ours takes over, as one does that an earlier supervisor has started.

import type { HandoffEvent } from '../../../terms/events.ts'

/** How long to wait for a report before a start is tried all the same, in milliseconds: one may be lost. */
const retryMs = 5_000

/** Events with which a handoff has ended, whoever reports it. */
const ends: ReadonlySet<HandoffEvent['type']> = new Set(['serving', 'aborted', 'taken-back'])

export class Turn {
  /** When the waiting must end, by performance.now; undefined: nothing is waited for. */
  #until: number | undefined
  #changed = false
  #stopped = false
  #wake: (() => void) | undefined

  /** A start begins: what is reported from here on may be the end of the handoff that is in its way. */
  begin(): void {
    this.#changed = false
  }

  /** Another process than the one that is being started has reported this. */
  heard(event: HandoffEvent): void {
    if (ends.has(event.type)) this.gone()
  }

  /** Another process than the one that is being started has ended. */
  gone(): void {
    this.#changed = true
    this.#wake?.()
  }

  /**
   * Waits until a start may be tried again.
   *
   * @param ms - how long all the waiting may take, from its first time on.
   * @returns false when that time is over, or the run ends.
   */
  async wait(ms: number): Promise<boolean> {
    this.#until ??= performance.now() + ms
    const left = this.#until - performance.now()
    if (left <= 0 || this.#stopped) return false
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, retryMs))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    return !this.#stopped
  }

  /** Whether it is waited for, or was since the last success. */
  get isWaiting(): boolean {
    return this.#until !== undefined
  }

  /** The run ends. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }
}
