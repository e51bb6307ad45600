// The state of a worker: its processes, which one serves, how the handoffs ended.

import type { HandoffErrorCode } from '../../terms/errors.ts'
import type { ProcessStage } from '../../terms/events.ts'
import { addFates, type Fates, type KindCounts, noFates } from '../../terms/fates.ts'

/** A process of this run: spawned here, or by an earlier supervisor. */
export interface ProcessRecord {
  readonly pid: number
  /** 0 until the process reports it. */
  readonly generation: number
  /** `starting`: the process has not reported yet. */
  readonly stage: ProcessStage | 'starting'
  /** When it was spawned or first reported, by `now` of clock.ts. */
  readonly startedAt: number
  /** When it began to serve, by the same clock; 0 if it never did. */
  readonly servingSince: number
  /** Whether a later handoff has begun since it handed over: then it cannot take back. */
  readonly released?: boolean
  readonly listeners: readonly string[]
  readonly connections: number
  /** Connections by kind. */
  readonly open: KindCounts
  /** What has become of its connections since it started. */
  readonly fates: Fates
}

/** A process, as other processes name it. */
export type ProcessName = Pick<ProcessRecord, 'pid' | 'generation'>

/** How one handoff ended. */
export interface HandoffRecord {
  readonly outcome: 'completed' | 'aborted' | 'taken-back'
  /** When it ended, by `now` of clock.ts, since the time of day may jump. */
  readonly at: number
  /** The process that served after it. */
  readonly pid: number
  readonly generation: number
  readonly code?: HandoffErrorCode
  readonly message?: string
}

export interface Registry {
  readonly processes: ReadonlyMap<number, ProcessRecord>
  /** The pid of the process that accepts connections. */
  readonly serving: number | undefined
  /** The pid of the process that accepted last and has handed over to another worker. */
  readonly left: number | undefined
  /** The youngest generation that ever served; 0 if none has. */
  readonly youngest: number
  readonly completed: number
  readonly aborted: number
  readonly last: HandoffRecord | undefined
  /** What has become of the connections of processes that have ended. */
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

/** What has become of the connections of all processes, ended or not. */
export function allFates({ processes, past }: Registry): Fates {
  return [...processes.values()].reduce((sum, { fates }) => addFates(sum, fates), past)
}

/** Returns the processes that could take back: old ones that still drain. */
export function draining(registry: Registry): ProcessRecord[] {
  return [...registry.processes.values()].filter(
    ({ pid, stage, servingSince, released }) =>
      pid !== registry.serving && servingSince > 0 && stage !== 'exit' && !released,
  )
}
