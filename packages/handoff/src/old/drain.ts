// Stage drain, old side: what is under way finishes here, within its deadline.

import type { DrainCounts } from '../diagnostics.ts'
import type { Holdings } from '../holdings.ts'
import type { System, Timer } from '../io/system.ts'

export class Drain {
  readonly #holdings: Holdings
  readonly #onDrained: (counts: DrainCounts) => void
  readonly #system: System
  readonly #timeoutMs: number
  #deadline: Timer | undefined
  #undoNotices: (() => void)[] = []
  #atStart = 0
  #forced = 0
  #ended = false

  constructor(
    holdings: Holdings,
    system: System,
    timeoutMs: number,
    onDrained: (counts: DrainCounts) => void,
  ) {
    this.#holdings = holdings
    this.#system = system
    this.#timeoutMs = timeoutMs
    this.#onDrained = onDrained
  }

  /** The gates are shut already. */
  start(): void {
    this.#atStart = this.#holdings.connections
    this.#undoNotices = [...this.#holdings.gates].map((gate) => gate.giveNotice())
    this.#deadline = this.#system.timer(this.#timeoutMs, () => this.#force())
    this.check()
  }

  /** Tell it that a gate has no connection left, or went away. */
  check(): void {
    if (this.#ended || this.#holdings.connections > 0) return
    this.#end()
    this.#onDrained({ drained: this.#atStart - this.#forced, forced: this.#forced })
  }

  /** This process serves again: no more notices, no deadline. */
  cancel(): void {
    if (!this.#ended) this.#end()
  }

  #force(): void {
    this.#forced = this.#holdings.connections
    for (const gate of this.#holdings.gates) gate.force()
    // Each gate tells when its last connection is gone.
    this.check()
  }

  #end(): void {
    this.#ended = true
    this.#deadline?.cancel()
    for (const undo of this.#undoNotices) undo()
  }
}
