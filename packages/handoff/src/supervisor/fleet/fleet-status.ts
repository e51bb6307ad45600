// Sums up the status of all workers of a run.

import { addFates, noFates } from '../../terms/fates.ts'
import { describeProgram } from '../program/program.ts'
import { release } from '../program/release.ts'
import {
  type HandoffStatus,
  type Status,
  type Surroundings,
  statusOf,
} from '../registry/run-status.ts'
import type { Worker } from '../worker/worker.ts'

type Moment = Omit<Surroundings, 'worker' | 'backoff' | 'program' | 'silentMs'>

/**
 * @param workers - all of which processes are left, in the order of their numbers.
 * @param past - the handoffs of workers that were removed.
 */
export function fleetStatus(
  workers: readonly Worker[],
  past: readonly Status['handoffs'][],
  surroundings: Moment,
): Status {
  const [first] = workers
  if (first === undefined) throw new RangeError('no worker')
  const parts = workers.map((worker) => workerStatus(worker, surroundings))
  const placed = parts.filter((_, index) => !workers[index]?.hasLeft)
  const one = placed.find(({ serving }) => serving !== null)
  const { name, pid, maxGenerations } = surroundings
  return {
    name,
    pid,
    release,
    generation: one?.generation ?? null,
    serving: one?.serving ?? null,
    maxGenerations,
    program: describeProgram(first.program),
    workers: placed.flatMap((part) => part.workers),
    ...(first.standby !== undefined && { standby: first.standby }),
    processes: parts.flatMap(({ processes }) => processes),
    handoffs: sumOf([...past, ...parts.map(({ handoffs }) => handoffs)]),
    backoff: placed.find(({ backoff }) => backoff !== null)?.backoff ?? null,
  }
}

/** The status of a worker, as if it were the only one. */
export function workerStatus(worker: Worker, surroundings: Moment): Status {
  const { number, registry, backoff } = worker
  const program = describeProgram(worker.program)
  const silentMs = (pid: number) => worker.silentMsOf(pid)
  return statusOf(registry, { ...surroundings, worker: number, backoff, program, silentMs })
}

/** Sums up handoffs. `last` is the latest one. */
export function sumOf(all: readonly Status['handoffs'][]): Status['handoffs'] {
  const sum = (count: (of: Status['handoffs']) => number) =>
    all.reduce((total, handoffs) => total + count(handoffs), 0)
  return {
    completed: sum(({ completed }) => completed),
    aborted: sum(({ aborted }) => aborted),
    fates: all.reduce((total, { fates }) => addFates(total, fates), noFates),
    last: all.map(({ last }) => last).reduce(later, null),
  }
}

/** ISO 8601, of one time zone: the order of the texts is that of the times. */
function later(a: HandoffStatus | null, b: HandoffStatus | null): HandoffStatus | null {
  if (a === null || b === null) return a ?? b
  return b.at > a.at ? b : a
}
