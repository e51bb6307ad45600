// Measures for how long each process of a run has reported nothing.

import type { Report } from '../registry/process-report.ts'

/** How often silence is measured, in milliseconds. */
export const tickMs = 500

/**
 * Silence is counted in ticks of this process. While the supervisor itself does not run (SIGSTOP, no
 * processor time) it receives nothing, and that counts as one tick.
 */
export class SilenceClock {
  /** By pid, the ticks since the last report, for processes that report at an interval. */
  readonly #ticks = new Map<number, number>()
  /** Processes that have reported again since they began to serve. */
  readonly #proven = new Set<number>()

  /** Takes note of a report of a process. */
  onReport(pid: number, { alive, event }: Report): void {
    if (event?.type === 'serving') this.#proven.delete(pid)
    if (alive === false) this.#ticks.delete(pid)
    else if (alive === true || this.#ticks.has(pid)) this.#ticks.set(pid, 0)
    if (alive !== undefined) this.#proven.add(pid)
  }

  tick(): void {
    for (const [pid, ticks] of this.#ticks) this.#ticks.set(pid, ticks + 1)
  }

  /** How long a process has reported nothing, in milliseconds; undefined if it does not report at an interval. */
  silentMs(pid: number): number | undefined {
    const ticks = this.#ticks.get(pid)
    return ticks === undefined ? undefined : ticks * tickMs
  }

  /** Whether a process reports at an interval, or has done so. */
  reports(pid: number): boolean {
    return this.#proven.has(pid) || this.#ticks.has(pid)
  }

  /** Begins to count again: a debugger holds the process. */
  reset(pid: number): void {
    if (this.#ticks.has(pid)) this.#ticks.set(pid, 0)
  }

  /** The same for all processes: their reports could not get here. */
  resetAll(): void {
    for (const pid of this.#ticks.keys()) this.#ticks.set(pid, 0)
  }

  /**
   * Whether the event loop of a process has run since it began to serve. A process that does not report
   * at an interval counts as proven.
   */
  isProvenAlive(pid: number): boolean {
    return this.#proven.has(pid) || !this.#ticks.has(pid)
  }

  onExit(pid: number): void {
    this.#ticks.delete(pid)
    this.#proven.delete(pid)
  }
}
