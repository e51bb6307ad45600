// During a reload: what the old process tells of its connections, by itself or in its status.

import type { HandoffEvent } from '../../terms/events.ts'
import { countsOf, type DrainCounts, type Fates, fatesSince, noFates } from '../../terms/fates.ts'
import type { ProcessRecord } from '../registry/registry.ts'

/** What has become of the connections of an old process. */
export interface Told {
  readonly pid: number
  readonly generation: number
  /** Whether none is left; until then the numbers grow. */
  readonly drained: boolean
  /** How many are left. */
  readonly connections: number
  readonly counts: DrainCounts
  readonly fates: Fates
}

export class OldConnections {
  readonly #before: ProcessRecord | undefined
  readonly #told = new Map<number, Told>()

  /** @param serving - as it is before the reload: what it has handed over earlier does not count. */
  constructor(serving: ProcessRecord | undefined) {
    this.#before = serving
  }

  heard(pid: number, event: HandoffEvent): void {
    const { generation } = event
    if (event.type === 'drained') {
      const { counts, fates } = event
      this.#told.set(pid, { pid, generation, drained: true, connections: 0, counts, fates })
    }
    if (event.type !== 'status' || event.stage !== 'drain' || this.of(pid)?.drained) return
    const before = this.#before?.pid === pid ? this.#before.fates : noFates
    const fates = fatesSince(before, event.fates)
    const { connections } = event
    this.#told.set(pid, {
      pid,
      generation,
      drained: false,
      connections,
      counts: countsOf(fates),
      fates,
    })
  }

  /** Whether it has told enough: that it is drained, or, where it will need longer, what is left. */
  isKnown(pid: number): boolean {
    const told = this.of(pid)
    return told !== undefined && (told.drained || told.connections > 0)
  }

  of(pid: number): Told | undefined {
    return this.#told.get(pid)
  }
}
