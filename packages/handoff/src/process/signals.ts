// What signals do to this process: stop it gracefully, stop it immediately, restart it.

import { constants } from 'node:os'
import type { System } from '../io/system/system.ts'
import { reasonOf } from '../terms/errors.ts'

export interface SignalHandlers {
  /** Whether a stop is under way. */
  stopping(): boolean
  stop(): Promise<never>
  restart(): Promise<void>
  /** The signals that restart this process. */
  restartSignals: readonly NodeJS.Signals[]
}

/**
 * Returns which signals restart this process.
 *
 * @param supervised - whether a supervisor owns restarts.
 * @param managed - whether there is a service manager; without one SIGHUP means that the terminal
 * has gone.
 */
export function restartSignals(supervised: boolean, managed: boolean): readonly NodeJS.Signals[] {
  if (supervised) return []
  return managed ? ['SIGUSR2', 'SIGHUP'] : ['SIGUSR2']
}

/** Stops at SIGTERM and SIGINT, immediately at a second one. Returns the undo. */
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
