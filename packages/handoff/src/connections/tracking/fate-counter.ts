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
  #hasBegun = false
  #isCounting = false

  /** Connections begin to go over. Others end as usual, and do not count yet. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#before = this.#fates
  }

  /** This process stops accepting: every end of a connection counts from now on. */
  start(): void {
    this.begin()
    this.#isCounting = true
  }

  /** This process accepts alone again: connections come and go as usual. */
  stop(): void {
    this.#hasBegun = false
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

  /** The fates since the last commit of this process, or its stop. */
  get latestDrain(): Fates {
    return fatesSince(this.#before, this.#fates)
  }
}
