// The preload in a worker thread: a process is replaced as a whole, from its main thread.

import { getEnvironmentData } from 'node:worker_threads'
import { realProgram, realSystem } from '../io/system/system.ts'
import { isProgramsOwn } from '../process/claim.ts'
import { HandoffError } from '../terms/errors.ts'
import { isOurs } from './preload-flags.ts'
import { programsOwn } from './programs-own.ts'
import { refuseListeners } from './refuse.ts'
import { readList } from './what-moves.ts'

/** An operator may preload it as well. */
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
    () => !isProgramsOwn() && getEnvironmentData(programsOwn) !== true,
  )
}
