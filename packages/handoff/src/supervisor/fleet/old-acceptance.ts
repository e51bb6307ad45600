// Follows, during a reload, whether the old process still accepts connections.

import type { HandoffEvent } from '../../terms/events.ts'

/**
 * A process ends its ramp by itself. This margin is for an old process that hangs, and for the death of a new one
 * that does: it is killed after 5 s of silence, and the old one takes back.
 */
const marginMs = 10_000
/** How long a process may take to report a stage after the new process has reported that it serves. */
const reportMs = 1_000

export class OldAcceptance {
  /** By pid, how long the ramp of a process lasts at most, in milliseconds. */
  readonly #ramps = new Map<number, number>()
  readonly #stopped = new Set<number>()

  onEvent(pid: number, event: HandoffEvent): void {
    if (event.type === 'drained') this.#stopped.add(pid)
    if (event.type === 'taken-back' && event.stage === 'ramp') this.#ramps.set(pid, 0)
    if (event.type !== 'stage' && event.type !== 'status') return
    const { stage } = event
    if (stage === 'drain' || stage === 'exit') this.#stopped.add(pid)
    // A status does not say how long the ramp lasts.
    if (stage === 'ramp') {
      const { rampMs = 0 } = event.type === 'stage' ? event : {}
      this.#ramps.set(pid, Math.max(rampMs, this.#ramps.get(pid) ?? 0))
    }
  }

  /** Whether the process has reported that it accepts no more. */
  hasStopped(pid: number): boolean {
    return this.#stopped.has(pid)
  }

  /** Whether the process has accepted for a while beside the new one. */
  hasRamped(pid: number): boolean {
    return this.#ramps.has(pid)
  }

  /** How long to wait for its next report, in milliseconds: a ramp does not hold a reload for ever. */
  patienceMs(pid: number): number {
    const rampMs = this.#ramps.get(pid)
    return rampMs === undefined ? reportMs : rampMs + marginMs
  }
}
