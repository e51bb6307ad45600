// Collects what old processes report of their connections during a reload.

import type { HandoffEvent } from '../../terms/events.ts'
import { countsOf, type DrainCounts, type Fates, fatesSince, noFates } from '../../terms/fates.ts'
import type { ProcessRecord } from '../registry/registry.ts'

/** What has become of the connections of an old process. */
export interface DrainReport {
  readonly pid: number
  readonly generation: number
  /** Whether no connection is left. Until then the numbers grow. */
  readonly drained: boolean
  /** How many are left. */
  readonly connections: number
  readonly counts: DrainCounts
  readonly fates: Fates
}

export class OldConnections {
  readonly #before: ProcessRecord | undefined
  readonly #reports = new Map<number, DrainReport>()

  /** @param serving - its state before the reload. Connections that it has handed over before do not count. */
  constructor(serving: ProcessRecord | undefined) {
    this.#before = serving
  }

  onEvent(pid: number, event: HandoffEvent): void {
    const { generation } = event
    if (event.type === 'drained') {
      const { counts, fates } = event
      this.#reports.set(pid, { pid, generation, drained: true, connections: 0, counts, fates })
    }
    if (event.type !== 'status' || event.stage !== 'drain' || this.of(pid)?.drained) return
    const before = this.#before?.pid === pid ? this.#before.fates : noFates
    const fates = fatesSince(before, event.fates)
    const { connections } = event
    this.#reports.set(pid, {
      pid,
      generation,
      drained: false,
      connections,
      counts: countsOf(fates),
      fates,
    })
  }

  /**
   * Whether the process has reported that it has drained, or how many connections are left. With none left
   * it drains on if an older process lives, which may pass connections on to it.
   *
   * @param processes - those of its worker.
   */
  isKnown(pid: number, processes: Iterable<Pick<ProcessRecord, 'generation'>>): boolean {
    const report = this.of(pid)
    if (report === undefined) return false
    const isOlder = ({ generation }: Pick<ProcessRecord, 'generation'>) =>
      generation > 0 && generation < report.generation
    return report.drained || report.connections > 0 || [...processes].some(isOlder)
  }

  of(pid: number): DrainReport | undefined {
    return this.#reports.get(pid)
  }
}
