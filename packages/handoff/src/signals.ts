// What signals do to this process: stop in order, stop at once, restart.

import { constants } from 'node:os'
import { reasonOf } from './errors.ts'
import type { System } from './io/system.ts'

export interface SignalHandlers {
  /** Whether a stop is under way. */
  stopping(): boolean
  stop(): Promise<never>
  /** Absent where a supervisor owns restarts. */
  restart?(): Promise<void>
  /** What restarts. */
  restartSignals: readonly NodeJS.Signals[]
}

/** SIGTERM and SIGINT stop, a second one at once. Returns the undo. */
export function handleSignals(system: System, handlers: SignalHandlers): () => void {
  const undoStop = system.onSignal(['SIGTERM', 'SIGINT'], (signal) => {
    if (handlers.stopping()) system.exit(128 + constants.signals[signal])
    else void handlers.stop()
  })
  const { restart } = handlers
  if (restart === undefined) return undoStop
  const undoRestart = system.onSignal(handlers.restartSignals, () => {
    restart().catch((error: unknown) => system.warn(`handoff: ${reasonOf(error)}`))
  })
  return () => {
    undoStop()
    undoRestart()
  }
}
