// Counts what becomes of the connections of this process, from the moment it accepts no more.

import {
  addKinds,
  type CountedKind,
  type Fate,
  type Fates,
  fatesSince,
  noFates,
} from '../../terms/fates.ts'

export class Tally {
  #fates = noFates
  #before = noFates
  #counting = false

  /** Nobody accepts here any more: from now on every end of a connection counts. */
  begin(): void {
    if (this.#counting) return
    this.#counting = true
    this.#before = this.#fates
  }

  /** This process accepts again: connections come and go, as ever. */
  end(): void {
    this.#counting = false
  }

  get counting(): boolean {
    return this.#counting
  }

  add(fate: Fate, kind: CountedKind, count = 1): void {
    if (count === 0) return
    this.#fates = { ...this.#fates, [fate]: addKinds(this.#fates[fate], { [kind]: count }) }
  }

  /** Since this process started; only grows. */
  get all(): Fates {
    return this.#fates
  }

  /** Since this process last stopped accepting. */
  get recent(): Fates {
    return fatesSince(this.#before, this.#fates)
  }
}
