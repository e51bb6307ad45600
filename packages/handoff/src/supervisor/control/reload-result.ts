// Makes the result of a reload, of one worker or of several.

import type { HandoffError, HandoffErrorCode, Serving } from '../../terms/errors.ts'
import { withSentence } from '../../words/sentence.ts'
import type { DrainReport } from '../fleet/old-connections.ts'
import type { Rollout } from '../fleet/rollout.ts'
import { type Takeovers, takenBack } from '../fleet/takeovers.ts'
import type { WorkerReload } from '../fleet/worker-reload.ts'
import type { Status } from '../registry/run-status.ts'
import type { StartResult } from '../registry/start-result.ts'
import { withServing } from '../text/announcements.ts'
import { codeText } from '../text/fleet-announcements.ts'
import type { Worker } from '../worker/worker.ts'

/** The last line of a reload. */
export interface ReloadResult {
  type: 'result'
  ok: boolean
  /** The process that serves now, of the first worker; null if none does. */
  generation: number | null
  pid: number | null
  /** Why the new process does not serve. */
  code?: HandoffErrorCode
  message?: string
  serving: Serving
  /** Milliseconds from the beginning of the reload until the new generation served. */
  servesAfterMs?: number
  /**
   * The same until the old process had stopped accepting, so that only the new one answers new connections; null
   * if it has not reported that. Later than `servesAfterMs` by the ramp.
   */
  aloneAfterMs?: number | null
  /** What the old process has reported of its connections; null if nothing. */
  old?: DrainReport | null
  /** The result of each worker, if there are several. */
  workers?: WorkerResult[]
}

/** The result of a reload for one of several workers. */
export interface WorkerResult {
  worker: number
  /**
   * `reloaded`, `started`: its new process serves; `failed`: it does not; `untouched`: no process was
   * started, because another worker had failed; `left`: the worker has handed over to another one;
   * `stays`: it could not do so.
   */
  outcome: 'reloaded' | 'started' | 'failed' | 'untouched' | 'left' | 'stays'
  /** The process of the worker that serves now; null if none does. */
  generation: number | null
  pid: number | null
  code?: HandoffErrorCode
  message?: string
  servesAfterMs?: number
  aloneAfterMs?: number | null
  old?: DrainReport | null
  /** The worker to which it has handed over. */
  to?: number
}

/** Checks once more whether all new processes serve. */
export async function resultOf(rollout: Rollout, waitForExit: boolean): Promise<ReloadResult> {
  const ends = await Promise.all(rollout.parts.map((part) => endOf(part, waitForExit)))
  const [first] = ends
  if (first === undefined) throw new RangeError('a reload without a worker')
  return rollout.hasMany ? resultOfMany(rollout, ends) : resultOfOne(first)
}

/** The result of a reload that has waited its turn, and could not begin then. */
export function refusedResult(
  { generation, serving: pid }: Pick<Status, 'generation' | 'serving'>,
  { code, message }: HandoffError,
): ReloadResult & { atMs: number } {
  const serving = pid === null ? 'none' : 'old'
  return { type: 'result', ok: false, generation, pid, code, message, serving, atMs: 0 }
}

interface PartResult {
  readonly part: WorkerReload
  readonly confirmed: StartResult
  readonly old: DrainReport | null
}

async function endOf(part: WorkerReload, waitForExit: boolean): Promise<PartResult> {
  const confirmed = await part.confirm(waitForExit)
  return { part, confirmed, old: await part.drainReport() }
}

function resultOfOne({ part, confirmed, old }: PartResult): ReloadResult {
  const { worker } = part
  if (confirmed.ok) {
    const { pid, generation } = confirmed
    return { type: 'result', ok: true, generation, pid, serving: 'new', ...timesOf(part), old }
  }
  const { failure, serving } = confirmed
  // During a stop no process serves on for long.
  const endsSoon = failure.code === 'ERR_HANDOFF_STOPPING'
  return {
    ...{ type: 'result', ok: false, ...servesIn(worker), code: failure.code },
    message: endsSoon
      ? failure.message
      : withServing(failure.message, serving, worker.serving, worker.silentMs),
    serving,
  }
}

function resultOfMany(rollout: Rollout, ends: readonly PartResult[]): ReloadResult {
  const workers = [
    ...ends.map(started),
    ...rollout.untouched.map((worker) => unchanged(worker, 'untouched')),
    ...rollout.takeovers.flatMap(leaving),
  ].sort((a, b) => a.worker - b.worker)
  const { first } = rollout.plan
  const failed = workers.find(({ code }) => code !== undefined)
  const head = { type: 'result', ...servesIn(first) } as const
  if (failed === undefined) {
    const times = ends.map(({ part }) => timesOf(part))
    const servesAfterMs = Math.max(...times.map((time) => time.servesAfterMs))
    const alone = times.map(({ aloneAfterMs }) => aloneAfterMs)
    const aloneAfterMs = alone.some((ms) => ms === null) ? null : Math.max(...alone.map(Number))
    return { ...head, ok: true, serving: 'new', servesAfterMs, aloneAfterMs, workers }
  }
  const renewed = workers.filter(isRenewed).map(({ worker }) => worker)
  const others = workers.filter((worker) => !isRenewed(worker) && worker.pid !== null)
  const serving = renewed.length > 0 ? 'new' : others.length > 0 ? 'old' : 'none'
  const where = codeText(
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

function started({ part, confirmed, old }: PartResult): WorkerResult {
  const { worker, replaces } = part
  if (!confirmed.ok) return { ...unchanged(worker, 'failed'), ...confirmed.failure }
  const { pid, generation } = confirmed
  const outcome = replaces ? 'reloaded' : 'started'
  return { worker: worker.number, outcome, generation, pid, ...timesOf(part), old }
}

function timesOf({ servesAfterMs, aloneAfterMs }: WorkerReload) {
  return { servesAfterMs, aloneAfterMs }
}

function leaving({ joiner, leaving, failures }: Takeovers): WorkerResult[] {
  return leaving.map((worker) => {
    const failure = failures.get(worker)
    if (failure !== undefined) return { ...unchanged(worker, 'stays'), ...failure }
    // The worker may have taken back since.
    if (!worker.hasLeft) return { ...unchanged(worker, 'stays'), ...takenBack }
    return { ...unchanged(worker, 'left'), to: joiner.number }
  })
}

function unchanged(worker: Worker, outcome: WorkerResult['outcome']): WorkerResult {
  return { worker: worker.number, outcome, ...servesIn(worker) }
}

function servesIn({ serving }: Worker): { generation: number | null; pid: number | null } {
  return { generation: serving?.generation ?? null, pid: serving?.pid ?? null }
}
