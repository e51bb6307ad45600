// Counts how the connections of this process end, from the moment at which it stops accepting.

import {
  addKinds,
  type CountedKind,
  type Fate,
  type Fates,
  fatesSince,
  noFates,
} from '../../terms/fates.ts'

export class FateCounter {
  #fates = noFates
  #before = noFates
  #isCounting = false

  /** This process stops accepting: every end of a connection counts from now on. */
  start(): void {
    if (this.#isCounting) return
    this.#isCounting = true
    this.#before = this.#fates
  }

  /** This process accepts again: connections come and go as usual. */
  stop(): void {
    this.#isCounting = false
  }

  get isCounting(): boolean {
    return this.#isCounting
  }

  add(fate: Fate, kind: CountedKind, count = 1): void {
    if (count === 0) return
    this.#fates = { ...this.#fates, [fate]: addKinds(this.#fates[fate], { [kind]: count }) }
  }

  /** All fates since this process started. The counts only grow. */
  get all(): Fates {
    return this.#fates
  }

  /** The fates since this process last stopped accepting. */
  get latestDrain(): Fates {
    return fatesSince(this.#before, this.#fates)
  }
}
