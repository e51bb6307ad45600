// Reloads, and writes lines for the command line: one for each event, and a last one with the result.

import type { HandoffEvent } from '../../terms/events.ts'
import type { Fleet, ReloadRequest } from '../fleet/fleet.ts'
import type { Rollout } from '../fleet/rollout.ts'
import { type ReloadResult, resultOf } from './reload-result.ts'

/** Milliseconds since the reload began, by the clock of the supervisor. */
interface Timed {
  atMs: number
}

/** The worker of the process; absent in a run of one worker. */
interface OfWorker {
  worker?: number
}

export type ReloadLine = Timed & ((HandoffEvent & OfWorker) | ReloadResult)

export interface ReloadOptions extends ReloadRequest {
  /** Whether to wait until the old processes have ended. */
  readonly waitForExit: boolean
  write(line: ReloadLine): void
}

/**
 * Reloads, and writes a line for each event and for the result.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY; ERR_HANDOFF_STOPPING: before a line is written.
 */
export function reloadWithLines(
  fleet: Fleet,
  { waitForExit, write, ...request }: ReloadOptions,
): Promise<void> {
  const began = performance.now()
  const atMs = () => Math.round(performance.now() - began)
  const rollout = fleet.reload(request)
  const onEvent = (worker: number, _: number, event: HandoffEvent) => {
    write({ ...event, ...(rollout.hasMany && { worker }), atMs: atMs() })
  }
  fleet.events.on('event', onEvent)
  const finish = async () => {
    await rollout.done
    if (waitForExit) await surplusWorkersEnded(fleet, rollout)
    write({ ...(await resultOf(rollout, waitForExit)), atMs: atMs() })
  }
  return finish().finally(() => {
    fleet.events.off('event', onEvent)
    rollout.close()
  })
}

/** Waits for workers that have handed over to others: no start of theirs waits for their end. */
function surplusWorkersEnded(fleet: Fleet, { takeovers }: Rollout): Promise<void> {
  const left = takeovers.flatMap(({ leaving, failures }) =>
    leaving.filter((worker) => !failures.has(worker)),
  )
  return new Promise((resolve) => {
    const check = () => {
      // A worker that has taken back serves on.
      if (left.some((worker) => worker.hasLeft && fleet.has(worker))) return
      fleet.events.off('event', check).off('exit', check)
      resolve()
    }
    fleet.events.on('event', check).on('exit', check)
    check()
  })
}
