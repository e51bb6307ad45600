// Counts connections and handoffs of this process for the application.

import type { StatusEvent } from '../notify/reporter.ts'
import type { ProcessStage } from '../terms/events.ts'
import { type CountedKind, everyKind, type Fate, mapFates } from '../terms/fates.ts'

/** The result of {@link Handoff.metrics}. */
export interface HandoffMetrics {
  generation: number
  stage: ProcessStage
  /** Listeners, such as `tcp:127.0.0.1:3000`; for port 0 the port that the kernel chose. */
  listeners: readonly string[]
  /** Gauge: open connections, over all servers. */
  connections: number
  /** Gauge: open connections by kind. */
  open: Record<CountedKind, number>
  /**
   * Counters: connections by fate and kind, in all handoffs of this process and in its stop. A
   * connection that moved and was taken back counts under both fates.
   */
  fates: Record<Fate, Record<CountedKind, number>>
  /** Counters: handoffs to a new process that were committed, aborted, or taken back after the commit. */
  handoffs: { completed: number; aborted: number; takenBack: number }
}

/** Adds the kinds and fates with count 0, which a status leaves out. */
export function metricsOf(
  { stage, listeners, connections, open, fates }: StatusEvent,
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
