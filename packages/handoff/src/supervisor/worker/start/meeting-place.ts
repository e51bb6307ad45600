// Waits for the rendezvous socket of the process that serves, where the directory of the run was removed.

import { isMissing } from '../../../io/listeners/socket-path.ts'
import { startTimer } from '../../../io/system/system.ts'
import { deferred } from '../../../terms/deferred.ts'
import { HandoffError } from '../../../terms/errors.ts'
import type { ProcessRecord } from '../../registry/registry.ts'
import type { Observer } from './options.ts'

/** The process looks once a second. */
const renewTimeoutMs = 3_000

/** What is asked of a worker. */
export interface Meeting {
  readonly serving: ProcessRecord | undefined
  readonly rendezvous: string
  observe(observer: Observer): () => void
}

/**
 * Resolves when the process that serves, if any, has bound its rendezvous socket anew: one that starts
 * before would find nobody to take over from.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE, where it does not.
 */
export async function meetingPlaceIsBack(worker: Meeting): Promise<void> {
  const path = worker.rendezvous
  if (worker.serving === undefined || !isMissing(path)) return
  const looked = deferred<void>()
  const undo = worker.observe({
    turned: () => {
      if (!isMissing(path)) looked.resolve()
    },
    gone: () => looked.resolve(),
  })
  const timer = startTimer(renewTimeoutMs, () => looked.resolve())
  await looked.promise
  timer.cancel()
  undo()
  if (worker.serving === undefined || !isMissing(path)) return
  throw new HandoffError(
    'ERR_HANDOFF_RENDEZVOUS_UNSAFE',
    `cannot take over: ${path} was removed, and the process that serves has not bound it anew. Try again; if it stays so, stop the run and start it again`,
  )
}
