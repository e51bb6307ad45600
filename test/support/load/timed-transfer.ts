// A transfer in which the client takes its time.

/**
 * Says how much of a transfer is due, so that it takes a certain time.
 *
 * @remarks By the clock, and not by a pause after each piece: those would add up to many times as long in a process
 * that gets little processor time, or with smaller pieces (a record of TLS has 16 KiB at most). Such a client is
 * still behind the server, but ends before the drain deadline of 30 s.
 */
export class TimedTransfer {
  readonly #startedAt = performance.now()
  readonly #ms: number

  constructor(ms: number) {
    this.#ms = ms
  }

  /**
   * Returns how many milliseconds it is too early for more; 0 if more is due.
   *
   * @param share - of the transfer that is done, 0 to 1.
   */
  aheadMs(share: number): number {
    return Math.max(0, this.#startedAt + this.#ms * share - performance.now())
  }
}
