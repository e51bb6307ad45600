// Which processes there are, which one serves, and how the handoffs went.

import type { HandoffErrorCode } from '../../terms/errors.ts'
import type { ProcessStage } from '../../terms/events.ts'
import { addFates, type Fates, type KindCounts, noFates } from '../../terms/fates.ts'

/** A process of this run: spawned here, or found serving or draining after another supervisor. */
export interface ProcessRecord {
  readonly pid: number
  /** 0 until it tells. */
  readonly generation: number
  /** `starting`: spawned, and no word from it yet. */
  readonly stage: ProcessStage | 'starting'
  /** When it was spawned, or first heard of, by `now` of clock.ts. */
  readonly startedAt: number
  /** When it began to serve, by the same clock; 0 if it never did. */
  readonly servingSince: number
  /** Whether a later handoff has begun since it handed over: it cannot take back. */
  readonly released?: boolean
  readonly listeners: readonly string[]
  readonly connections: number
  /** The same by kind. */
  readonly open: KindCounts
  /** What has become of its connections since it started. */
  readonly fates: Fates
}

/** A process, as others tell of it. */
export type ProcessName = Pick<ProcessRecord, 'pid' | 'generation'>

/** How one handoff ended. */
export interface HandoffRecord {
  readonly outcome: 'completed' | 'aborted' | 'taken-back'
  /** When it ended, by `now` of clock.ts: the time of day may jump. */
  readonly at: number
  /** The process that served after it. */
  readonly pid: number
  readonly generation: number
  readonly code?: HandoffErrorCode
  readonly message?: string
}

export interface Registry {
  readonly processes: ReadonlyMap<number, ProcessRecord>
  /** The pid that accepts connections. */
  readonly serving: number | undefined
  /** The pid that accepted last, and has handed over to another worker. */
  readonly left: number | undefined
  /** The youngest generation that ever served; 0: none has. */
  readonly youngest: number
  readonly completed: number
  readonly aborted: number
  readonly last: HandoffRecord | undefined
  /** What has become of the connections of processes that have gone. */
  readonly past: Fates
}

export const emptyRegistry: Registry = {
  processes: new Map(),
  serving: undefined,
  left: undefined,
  youngest: 0,
  completed: 0,
  aborted: 0,
  last: undefined,
  past: noFates,
}

/** What has become of the connections of all processes, gone or not. */
export function allFates({ processes, past }: Registry): Fates {
  return [...processes.values()].reduce((sum, { fates }) => addFates(sum, fates), past)
}

/** The processes that could take back: older ones that still finish their work. */
export function draining(registry: Registry): ProcessRecord[] {
  return [...registry.processes.values()].filter(
    ({ pid, stage, servingSince, released }) =>
      pid !== registry.serving && servingSince > 0 && stage !== 'exit' && !released,
  )
}
