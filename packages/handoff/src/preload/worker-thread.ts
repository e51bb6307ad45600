// The preload of a worker thread: refuses listeners, since only those of the main thread are handed over.

import { getEnvironmentData } from 'node:worker_threads'
import { realProgram, realSystem } from '../io/system/system.ts'
import { isProgramsOwn } from '../process/claim.ts'
import { HandoffError } from '../terms/errors.ts'
import { readList } from './handed-over-places.ts'
import { ownHandoffKey } from './own-handoff-key.ts'
import { isOurs } from './preload-flags.ts'
import { refuseListeners } from './refuse.ts'

/** The operator may have preloaded this module as well. */
let isPreloaded = false

export function preloadWorkerThread(): void {
  if (isPreloaded) return
  isPreloaded = true
  realProgram.withholdFlags(isOurs)
  refuseListeners(
    () =>
      new HandoffError(
        'ERR_HANDOFF_WORKER_THREAD',
        'cannot listen: this is a worker thread, and a process is replaced as a whole',
      ),
    readList(realSystem.env.HANDOFF_IGNORE),
    () => !isProgramsOwn() && getEnvironmentData(ownHandoffKey) !== true,
  )
}
