// The state of a run as JSON, for `GET /status` and `handoff status --json`.

import type { HandoffErrorCode } from '../../terms/errors.ts'
import type { Fates, KindCounts } from '../../terms/fates.ts'
import type { ProgramStatus } from '../program/program.ts'
import { release } from '../program/release.ts'
import { allFates, type ProcessRecord, type Registry } from './registry.ts'

export interface ProcessStatus {
  pid: number
  /** The number of its worker, from 1. */
  worker: number
  generation: number
  stage: ProcessRecord['stage']
  uptimeMs: number
  /**
   * How long the process has reported nothing, in milliseconds, in steps of 500. It reports each second
   * while its event loop runs. Null if it does not report at an interval.
   */
  silentMs: number | null
  listeners: readonly string[]
  connections: number
  /** Connections by kind. */
  open: KindCounts
  /** What has become of its connections since it started. */
  fates: Fates
}

export interface HandoffStatus {
  outcome: 'completed' | 'aborted' | 'taken-back'
  /** ISO 8601. */
  at: string
  /** The process that served after it. */
  pid: number
  generation: number
  code?: HandoffErrorCode
  message?: string
}

/** One place of the run. */
export interface WorkerStatus {
  /** From 1. */
  worker: number
  generation: number | null
  serving: number | null
  backoff: Status['backoff']
}

export interface Status {
  name: string
  /** The supervisor's. */
  pid: number
  /** The release of the supervisor; null if an older release does not report it. */
  release: string | null
  /** The generation that serves, of the first worker that has one; null if none does. */
  generation: number | null
  /** The pid that serves, of the same worker; null if none does. */
  serving: number | null
  /**
   * How many generations of one worker may run at once; absent if an older release does not report it.
   */
  maxGenerations?: number
  /** The program that the next reload starts; null if an older release does not report it. */
  program: ProgramStatus | null
  /** The workers that have a place: 1, 2, … */
  workers: WorkerStatus[]
  /** The process that was started ahead of the next reload; absent if none waits. */
  standby?: number
  /** By worker, newest first. */
  processes: ProcessStatus[]
  handoffs: {
    completed: number
    aborted: number
    /** What has become of connections, over all processes that this supervisor has seen. */
    fates: Fates
    last: HandoffStatus | null
  }
  /** While a crashed server waits to be started again. */
  backoff: {
    crashes: number
    retryInMs: number
    /** How the last process ended; absent if an older release does not report it. */
    why?: string
  } | null
}

/** The facts that the registry does not have. */
export interface Surroundings {
  readonly name: string
  readonly worker: number
  /** The supervisor's. */
  readonly pid: number
  /** By `now` of clock.ts. */
  readonly now: number
  /** The same moment as time of day: milliseconds since 1970. */
  readonly date: number
  readonly backoff: Status['backoff']
  readonly program: ProgramStatus
  readonly maxGenerations: number
  /** How long a process has reported nothing, in milliseconds; undefined if it does not report at an interval. */
  silentMs(pid: number): number | undefined
}

/** The status of a run with one worker. */
export function statusOf(registry: Registry, surroundings: Surroundings): Status {
  const { name, worker, pid, now, date, backoff, program, maxGenerations } = surroundings
  const { processes, serving = null, completed, aborted, last } = registry
  const generation = processes.get(serving ?? 0)?.generation ?? null
  return {
    name,
    pid,
    release,
    generation,
    serving,
    maxGenerations,
    program,
    workers: [{ worker, generation, serving, backoff }],
    processes: [...processes.values()].sort(newestFirst).map((record) => ({
      pid: record.pid,
      worker,
      generation: record.generation,
      stage: record.stage,
      uptimeMs: Math.round(now - record.startedAt),
      silentMs: surroundings.silentMs(record.pid) ?? null,
      listeners: record.listeners,
      connections: record.connections,
      open: record.open,
      fates: record.fates,
    })),
    handoffs: {
      completed,
      aborted,
      fates: allFates(registry),
      last: last === undefined ? null : { ...last, at: isoAt(date - (now - last.at)) },
    },
    backoff,
  }
}

/** A process that has no generation yet is the newest of all. */
function newestFirst(a: ProcessRecord, b: ProcessRecord): number {
  return (b.generation || Infinity) - (a.generation || Infinity) || b.startedAt - a.startedAt
}

function isoAt(date: number): string {
  return new Date(date).toISOString()
}
