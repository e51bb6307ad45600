// Waits for the end of a handoff between processes that an earlier supervisor has started.

import type { HandoffEvent } from '../../../terms/events.ts'

/** How long to wait for a report before a start is tried all the same, in milliseconds. A report may be lost. */
const retryMs = 5_000

/** Events with which a handoff has ended, whichever side reports them. */
const ends: ReadonlySet<HandoffEvent['type']> = new Set(['serving', 'aborted', 'taken-back'])

export class ForeignHandoff {
  /** When the waiting must end, by performance.now. Undefined: nothing is waited for. */
  #until: number | undefined
  #mayHaveEnded = false
  #stopped = false
  #wake: (() => void) | undefined

  /** A start begins. What other processes report from now on may be the end of the handoff. */
  begin(): void {
    this.#mayHaveEnded = false
  }

  /** Takes note of an event of a process other than the one that is started. */
  onEvent(event: HandoffEvent): void {
    if (ends.has(event.type)) this.onExit()
  }

  /** A process other than the one that is started has ended. */
  onExit(): void {
    this.#mayHaveEnded = true
    this.#wake?.()
  }

  /**
   * Waits until a start may be tried again.
   *
   * @param ms - how long all waiting may take, counted from the first call.
   * @returns false if that time is over or the run ends.
   */
  async wait(ms: number): Promise<boolean> {
    this.#until ??= performance.now() + ms
    const left = this.#until - performance.now()
    if (left <= 0 || this.#stopped) return false
    if (!this.#mayHaveEnded) {
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

  /** Whether a start waits for the handoff, or has waited. */
  get isWaiting(): boolean {
    return this.#until !== undefined
  }

  /** The run ends. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }
}
