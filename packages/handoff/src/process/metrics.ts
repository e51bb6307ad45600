// What an application can ask of its process at any time, as plain numbers.

import type { Status } from '../notify/reporter.ts'
import type { ProcessStage } from '../terms/events.ts'
import { type CountedKind, everyKind, type Fate, mapFates } from '../terms/fates.ts'

/** What {@link Handoff.metrics} tells. */
export interface HandoffMetrics {
  generation: number
  stage: ProcessStage
  /** Where it listens, such as `tcp:127.0.0.1:3000`; the real port where 0 was asked for. */
  listeners: readonly string[]
  /** Gauge: open connections, over all servers. */
  connections: number
  /** Gauge: the same by kind. */
  open: Record<CountedKind, number>
  /**
   * Counters: connections by what became of them and by kind, in all handoffs of this process and
   * in its stop. One that went over and came back counts as both.
   */
  fates: Record<Fate, Record<CountedKind, number>>
  /** Counters: handoffs to a successor, committed, aborted before the commit, taken back after it. */
  handoffs: { completed: number; aborted: number; takenBack: number }
}

/** Names every kind and fate, where a status has only those that occur. */
export function metricsOf(
  { stage, listeners, connections, open, fates }: Status,
  rest: Pick<HandoffMetrics, 'generation' | 'handoffs'>,
): HandoffMetrics {
  return {
    ...rest,
    stage,
    listeners,
    connections,
    open: everyKind(open),
    fates: mapFates((fate) => everyKind(fates[fate])),
  }
}
