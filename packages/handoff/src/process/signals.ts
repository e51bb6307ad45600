// What signals do to this process: stop in order, stop at once, restart.

import { constants } from 'node:os'
import type { System } from '../io/system/system.ts'
import { reasonOf } from '../terms/errors.ts'

export interface SignalHandlers {
  /** Whether a stop is under way. */
  stopping(): boolean
  stop(): Promise<never>
  restart(): Promise<void>
  /** What restarts. */
  restartSignals: readonly NodeJS.Signals[]
}

/**
 * Which signals restart this process.
 *
 * @param supervised - whether a supervisor owns restarts.
 * @param managed - whether there is a service manager; without one SIGHUP means that the terminal
 * has gone.
 */
export function restartSignals(supervised: boolean, managed: boolean): readonly NodeJS.Signals[] {
  if (supervised) return []
  return managed ? ['SIGUSR2', 'SIGHUP'] : ['SIGUSR2']
}

/** SIGTERM and SIGINT stop, a second one at once. Returns the undo. */
export function handleSignals(
  system: Pick<System, 'onSignal' | 'exit' | 'warn'>,
  handlers: SignalHandlers,
): () => void {
  const undoStop = system.onSignal(['SIGTERM', 'SIGINT'], (signal) => {
    if (handlers.stopping()) system.exit(128 + constants.signals[signal])
    else void handlers.stop()
  })
  const undoRestart = system.onSignal(handlers.restartSignals, () => {
    handlers.restart().catch((error: unknown) => system.warn(`handoff: ${reasonOf(error)}`))
  })
  return () => {
    undoStop()
    undoRestart()
  }
}
