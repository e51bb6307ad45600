// Limits how long a process that has handed over may drain.

import type { ProcessRecord, Registry } from '../../registry/registry.ts'
import { Deadline } from './deadline.ts'

/** 30 seconds, as the default of `drainTimeoutMs`. */
const defaultDrainTimeoutMs = 30_000
/** A process keeps its own deadline and closes what is left after it. This margin is for a process that hangs. */
const marginMs = 5_000

export interface DrainDeadlinesOptions {
  readonly drainTimeoutMs: number | undefined
  readonly probationMs: number
  /** Whether a process reports how long it may drain. A process of an older release does not. */
  reports(pid: number): boolean
  /** The time of a process is over. */
  onExpired(record: ProcessRecord, ms: number): void
}

export class DrainDeadlines {
  readonly #options: DrainDeadlinesOptions
  readonly #deadlines = new Map<number, Deadline>()
  #registry: Registry | undefined

  constructor(options: DrainDeadlinesOptions) {
    this.#options = options
  }

  /** Takes note of which processes drain now. */
  update(registry: Registry): void {
    this.#registry = registry
    for (const [pid, deadline] of this.#deadlines) {
      if (hasHandedOver(registry, registry.processes.get(pid))) continue
      deadline.clear()
      this.#deadlines.delete(pid)
    }
    for (const record of registry.processes.values()) {
      if (this.#deadlines.has(record.pid) || !hasHandedOver(registry, record)) continue
      if (this.#options.reports(record.pid)) this.#begin(record.pid)
    }
  }

  /** A process asks for so many milliseconds from now on. @see sd_notify(3), EXTEND_TIMEOUT_USEC */
  extend(pid: number, ms: number): void {
    this.#deadlines.get(pid)?.extend(ms + marginMs)
  }

  close(): void {
    for (const deadline of this.#deadlines.values()) deadline.clear()
    this.#deadlines.clear()
  }

  #begin(pid: number): void {
    const { drainTimeoutMs = defaultDrainTimeoutMs, probationMs } = this.#options
    const deadline = new Deadline((ms) => {
      const record = this.#registry?.processes.get(pid)
      if (record !== undefined) this.#options.onExpired(record, ms)
    })
    this.#deadlines.set(pid, deadline)
    deadline.set(probationMs + drainTimeoutMs + marginMs)
  }
}

/**
 * Whether the process has served, and another one has served since. In its ramp the process still accepts, and
 * may hang as well.
 */
function hasHandedOver({ serving }: Registry, record: ProcessRecord | undefined): boolean {
  if (record === undefined || record.pid === serving || record.servingSince === 0) return false
  return record.stage === 'ramp' || record.stage === 'drain' || record.stage === 'exit'
}
