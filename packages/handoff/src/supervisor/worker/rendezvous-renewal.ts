// Waits until the process that serves has bound its rendezvous socket anew.

import type { EventEmitter } from 'node:events'
import { isMissing } from '../../io/listeners/socket-path.ts'
import { startTimer } from '../../io/system/system.ts'
import { deferred } from '../../terms/deferred.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { WorkerEvents } from './worker-events.ts'

/** The process checks its socket once a second. */
const renewTimeoutMs = 3_000

export interface RenewalContext {
  readonly serving: ProcessRecord | undefined
  readonly rendezvous: string
  readonly events: Pick<EventEmitter<WorkerEvents>, 'on' | 'off'>
}

/**
 * Waits after the directory of the run was removed. A new process that starts earlier would not find the
 * old one.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE if the process does not bind the socket.
 */
export async function awaitRendezvous(context: RenewalContext): Promise<void> {
  const { rendezvous: path, events } = context
  const isReady = () => context.serving === undefined || !isMissing(path)
  if (isReady()) return
  const checked = deferred<void>()
  const onAlive = () => {
    if (!isMissing(path)) checked.resolve()
  }
  const onExit = () => checked.resolve()
  events.on('alive', onAlive).on('exit', onExit)
  const timer = startTimer(renewTimeoutMs, () => checked.resolve())
  await checked.promise
  timer.cancel()
  events.off('alive', onAlive).off('exit', onExit)
  if (isReady()) return
  throw new HandoffError(
    'ERR_HANDOFF_RENDEZVOUS_UNSAFE',
    `cannot take over: ${path} was removed, and the process that serves has not bound it again`,
    { help: 'Try again. If it fails again, stop the run and start it.' },
  )
}
