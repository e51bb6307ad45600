// How long each process of a run has said nothing.

import type { Report } from '../registry/event.ts'

/** How often silence is measured, in milliseconds. */
export const tickMs = 500

/**
 * Silence is counted in ticks of this process, not by a clock: while the supervisor itself stood still
 * (SIGSTOP, no processor time), it heard nothing, and that counts as one tick.
 */
export class SignsOfLife {
  /** By pid, the ticks since the last report; only processes that promised to report at an interval. */
  readonly #ticks = new Map<number, number>()
  /** Processes that have reported again since they began to serve. */
  readonly #proven = new Set<number>()

  /** Takes note of what a process reports. */
  heard(pid: number, { alive, event }: Report): void {
    if (event?.type === 'serving') this.#proven.delete(pid)
    if (alive === false) this.#ticks.delete(pid)
    else if (alive === true || this.#ticks.has(pid)) this.#ticks.set(pid, 0)
    if (alive !== undefined) this.#proven.add(pid)
  }

  tick(): void {
    for (const [pid, ticks] of this.#ticks) this.#ticks.set(pid, ticks + 1)
  }

  /** How long a process has said nothing, in milliseconds; undefined if it never promised to report. */
  silentMs(pid: number): number | undefined {
    const ticks = this.#ticks.get(pid)
    return ticks === undefined ? undefined : ticks * tickMs
  }

  /** Whether a process reports at an interval, or has. */
  reports(pid: number): boolean {
    return this.#proven.has(pid) || this.#ticks.has(pid)
  }

  /** Begins to count anew: a debugger holds the process. */
  excuse(pid: number): void {
    if (this.#ticks.has(pid)) this.#ticks.set(pid, 0)
  }

  /** The same for all: their reports could not get here. */
  excuseAll(): void {
    for (const pid of this.#ticks.keys()) this.#ticks.set(pid, 0)
  }

  /**
   * Whether the event loop of a process has turned since it began to serve. One that reports at no
   * interval is believed.
   */
  hasTurned(pid: number): boolean {
    return this.#proven.has(pid) || !this.#ticks.has(pid)
  }

  gone(pid: number): void {
    this.#ticks.delete(pid)
    this.#proven.delete(pid)
  }
}
