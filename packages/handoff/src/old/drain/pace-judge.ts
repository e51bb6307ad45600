// Judges by reports on its event loop whether the new process is as quick as the old one was.

import type { LoopDelay } from '../../io/system/loop-meter.ts'

/** A delay up to this is quick on any machine, in milliseconds. */
const floorMs = 3
/** How much later than before the commit timers may be. */
const tolerance = 1.5
/** How many good reports in a row it takes. */
const leastGood = 3

export class PaceJudge {
  readonly #limitMs: number
  #good = 0

  /** @param before - the delay of this process while it served alone. */
  constructor(before: LoopDelay = { meanMs: 0, mostMs: 0 }) {
    this.#limitMs = Math.max(floorMs, before.meanMs * tolerance)
  }

  /** Whether the last reports were all good. */
  get isQuick(): boolean {
    return this.#good >= leastGood
  }

  /** Takes a report of the new process. Returns whether it is good. */
  take({ meanMs }: LoopDelay): boolean {
    const isGood = meanMs <= this.#limitMs
    this.#good = isGood ? this.#good + 1 : 0
    return isGood
  }
}
