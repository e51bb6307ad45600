// Judges by reports on its event loop whether the new process is as quick as the old one.

import type { LoopDelay } from '../../io/system/loop-meter.ts'

/**
 * A delay up to this is quick on any machine, in milliseconds. Measured with 64 kept and 200 new connections
 * a second on two cores: 0.3 to 1 with hot code, 3 to 20 with cold code.
 */
const floorMs = 1.5
/** How much later than those of the old process the timers of a quick one may be. */
const tolerance = 1.5
/**
 * How many good reports in a row it takes. With 3 of them, and twice the delay, the p99 of new connections
 * was 16 to 19 ms; it is 8 to 10. The ramp took 0.35 to 1 s.
 */
const leastGood = 5
/**
 * How many reports there are from one step of the slow start to the next, at least: V8 has to meet the requests
 * of one step before it has compiled their code, and the reports show a load only once it is there. Without
 * such a pause 64 busy connections went over in 300 ms. Until the end of the ramp 13 % of their requests then took
 * longer than 1.25 times the p99 before it, and 0.7 % of those that were still here. With it they take 1.8 s at least.
 */
const leastInStep = 4

const none: LoopDelay = { meanMs: 0, mostMs: 0 }

export class PaceJudge {
  readonly #before: LoopDelay
  #good = 0
  #inStep = 0
  #isFarFromLate = false

  /** @param before - the delay of the old process while it served alone. */
  constructor(before = none) {
    this.#before = before
  }

  /** Whether the last reports were all good, with the connections that the new process has. */
  get isQuick(): boolean {
    return this.#good >= leastGood
  }

  /**
   * Whether the new process can serve more connections, and had those that it has for long enough: twice the
   * delay would be good as well, or it has stayed good for a while.
   */
  get mayWiden(): boolean {
    return this.#inStep >= leastInStep && (this.#isFarFromLate || this.isQuick)
  }

  /** More connections may go over from now on: reports from before say nothing about them. */
  beginStep(): void {
    this.#good = 0
    this.#inStep = 0
  }

  /**
   * Takes a report of the new process.
   *
   * @param own - the delay of the old process in the same time: on a busy machine both are late.
   */
  take({ meanMs }: LoopDelay, own = none): void {
    const limitMs = Math.max(floorMs, tolerance * Math.max(this.#before.meanMs, own.meanMs))
    this.#good = meanMs <= limitMs ? this.#good + 1 : 0
    this.#inStep += 1
    this.#isFarFromLate = 2 * meanMs <= limitMs
  }
}
