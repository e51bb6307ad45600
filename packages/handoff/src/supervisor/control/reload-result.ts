// How a reload has ended: of one worker, or of all of them.

import type { HandoffErrorCode, Serving } from '../../terms/errors.ts'
import { withSentence } from '../../words/sentence.ts'
import { type Joins, takenBack } from '../fleet/joins.ts'
import type { Told } from '../fleet/old-connections.ts'
import type { Rollout } from '../fleet/rollout.ts'
import type { WorkerReload } from '../fleet/worker-reload.ts'
import { withWhoServes } from '../text/announce.ts'
import { standing } from '../text/announce-fleet.ts'
import type { LaunchResult } from '../worker/start/options.ts'
import type { Worker } from '../worker/worker.ts'

/** The last line. */
export interface ReloadResult {
  type: 'result'
  ok: boolean
  /** The process that serves now, of the first worker; null when none does. */
  generation: number | null
  pid: number | null
  /** Why the new process does not serve. */
  code?: HandoffErrorCode
  message?: string
  serving: Serving
  /** Milliseconds from the beginning of the reload until the new generation served. */
  servesAfterMs?: number
  /** What the old process had told of its connections by then; null where there is nothing. */
  old?: Told | null
  /** Where there are several: what has become of each. */
  workers?: WorkerResult[]
}

/** What a reload has done to one of several workers. */
export interface WorkerResult {
  worker: number
  /**
   * `reloaded`, `started`: its new process serves; `failed`: it does not; `untouched`: none was
   * started, since another one had failed; `left`: it has handed over to another worker, and `stays`:
   * it was to.
   */
  outcome: 'reloaded' | 'started' | 'failed' | 'untouched' | 'left' | 'stays'
  /** The process that serves in its place now; null when none does. */
  generation: number | null
  pid: number | null
  code?: HandoffErrorCode
  message?: string
  servesAfterMs?: number
  old?: Told | null
  /** The worker to which it has handed over. */
  to?: number
}

/** Looks once more whether all new processes serve. */
export async function resultOf(rollout: Rollout, waitForExit: boolean): Promise<ReloadResult> {
  const ends = await Promise.all(rollout.parts.map((part) => endOf(part, waitForExit)))
  const [first] = ends
  if (first === undefined) throw new RangeError('a reload without a worker')
  return rollout.hasMany ? resultOfMany(rollout, ends) : resultOfOne(first)
}

interface End {
  readonly part: WorkerReload
  readonly confirmed: LaunchResult
  readonly old: Told | null
}

async function endOf(part: WorkerReload, waitForExit: boolean): Promise<End> {
  const confirmed = await part.confirm(waitForExit)
  return { part, confirmed, old: await part.old() }
}

function resultOfOne({ part, confirmed, old }: End): ReloadResult {
  const { worker, servesAfterMs } = part
  if (confirmed.ok) {
    const { pid, generation } = confirmed
    return { type: 'result', ok: true, generation, pid, serving: 'new', servesAfterMs, old }
  }
  const { failure, serving } = confirmed
  // At a stop no process serves on for long.
  const endsSoon = failure.code === 'ERR_HANDOFF_STOPPING'
  return {
    ...{ type: 'result', ok: false, ...servesIn(worker), code: failure.code },
    message: endsSoon
      ? failure.message
      : withWhoServes(failure.message, serving, worker.serving, worker.silentMs),
    serving,
  }
}

function resultOfMany(rollout: Rollout, ends: readonly End[]): ReloadResult {
  const workers = [
    ...ends.map(started),
    ...rollout.untouched.map((worker) => still(worker, 'untouched')),
    ...rollout.joins.flatMap(leaving),
  ].sort((a, b) => a.worker - b.worker)
  const { first } = rollout.plan
  const failed = workers.find(({ code }) => code !== undefined)
  const head = { type: 'result', ...servesIn(first) } as const
  if (failed === undefined) {
    const servesAfterMs = Math.max(...ends.map(({ part }) => part.servesAfterMs))
    return { ...head, ok: true, serving: 'new', servesAfterMs, workers }
  }
  const renewed = workers.filter(isRenewed).map(({ worker }) => worker)
  const others = workers.filter((worker) => !isRenewed(worker) && worker.pid !== null)
  const serving = renewed.length > 0 ? 'new' : others.length > 0 ? 'old' : 'none'
  const where = standing(
    renewed,
    others.map(({ worker }) => worker),
  )
  const message = withSentence(`worker ${failed.worker}: ${failed.message}`, where)
  return {
    ...head,
    ok: false,
    ...(failed.code && { code: failed.code }),
    message,
    serving,
    workers,
  }
}

function isRenewed({ outcome }: WorkerResult): boolean {
  return outcome === 'reloaded' || outcome === 'started'
}

function started({ part, confirmed, old }: End): WorkerResult {
  const { worker, replaces, servesAfterMs } = part
  if (!confirmed.ok) return { ...still(worker, 'failed'), ...confirmed.failure }
  const { pid, generation } = confirmed
  const outcome = replaces ? 'reloaded' : 'started'
  return { worker: worker.number, outcome, generation, pid, servesAfterMs, old }
}

function leaving({ joiner, leaving, failures }: Joins): WorkerResult[] {
  return leaving.map((worker) => {
    const failure = failures.get(worker)
    if (failure !== undefined) return { ...still(worker, 'stays'), ...failure }
    // It may have taken back since.
    if (!worker.hasLeft) return { ...still(worker, 'stays'), ...takenBack }
    return { ...still(worker, 'left'), to: joiner.number }
  })
}

function still(worker: Worker, outcome: WorkerResult['outcome']): WorkerResult {
  return { worker: worker.number, outcome, ...servesIn(worker) }
}

function servesIn({ serving }: Worker): { generation: number | null; pid: number | null } {
  return { generation: serving?.generation ?? null, pid: serving?.pid ?? null }
}
