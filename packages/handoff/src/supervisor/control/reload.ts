// One reload as the command line sees it: lines while it runs, and a last one with the result.

import type { HandoffEvent } from '../../terms/events.ts'
import type { Fleet, ReloadRequest } from '../fleet/fleet.ts'
import type { Rollout } from '../fleet/rollout.ts'
import { type ReloadResult, resultOf } from './reload-result.ts'

/** Milliseconds since the reload began, by the supervisor's clock: one for all processes. */
interface Timed {
  atMs: number
}

/** Whose it is; absent in a run of one worker. */
interface OfWorker {
  worker?: number
}

export type ReloadLine = Timed & ((HandoffEvent & OfWorker) | ReloadResult)

export interface ReloadOptions extends ReloadRequest {
  /** Whether to wait until the old processes have gone, too. */
  readonly waitForExit: boolean
  write(line: ReloadLine): void
}

/**
 * Reloads and writes what happens.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY; ERR_HANDOFF_STOPPING: before anything is written.
 */
export function reloadWithLines(
  fleet: Fleet,
  { waitForExit, write, ...request }: ReloadOptions,
): Promise<void> {
  const began = performance.now()
  const atMs = () => Math.round(performance.now() - began)
  const rollout = fleet.reload(request)
  const undo = fleet.observe({
    heard(worker, _, event) {
      write({ ...event, ...(rollout.hasMany && { worker }), atMs: atMs() })
    },
  })
  const follow = async () => {
    await rollout.done
    if (waitForExit) await allHaveGone(fleet, rollout)
    write({ ...(await resultOf(rollout, waitForExit)), atMs: atMs() })
  }
  return follow().finally(() => {
    undo()
    rollout.close()
  })
}

/** Those that have handed over to others have no successor that would be waited for. */
function allHaveGone(fleet: Fleet, { joins }: Rollout): Promise<void> {
  const gone = joins.flatMap(({ leaving, failures }) =>
    leaving.filter((worker) => !failures.has(worker)),
  )
  return new Promise((resolve) => {
    const check = () => {
      // One that has taken back serves on.
      if (gone.some((worker) => worker.hasLeft && fleet.has(worker))) return
      undo()
      resolve()
    }
    const undo = fleet.observe({ heard: check, gone: check })
    check()
  })
}
