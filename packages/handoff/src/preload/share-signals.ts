// Handles signals in a process of a program that may listen to them itself.

import type { Program, System } from '../io/system/system.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import { handleSignals } from '../process/signals.ts'

/**
 * How long the program may take for its own end once its last connection has ended, in
 * milliseconds: 10 s, as docker stop.
 */
const ownEndMs = 10_000

/**
 * SIGTERM and SIGINT stop the process gracefully, and `restarts` restart it. A signal to which the
 * program listens is left to the program.
 *
 * A process that was replaced or stopped calls the program's own SIGTERM listeners after its last
 * connection has ended, so that they can save and close what they need.
 *
 * @returns a function that removes the handlers.
 */
export function shareSignals(
  handoff: Pick<HandoffProcess, 'stop' | 'restart' | 'onExit'>,
  restarts: readonly NodeJS.Signals[],
  program: Program,
  system: System,
): () => void {
  let stopping = false
  const undo = handleSignals(
    {
      warn: (text) => system.warn(text),
      exit: (code) => system.exit(code),
      onSignal: (signals, listener) => onUnhandledSignal(program, signals, listener),
    },
    {
      stopping: () => stopping,
      stop: () => {
        stopping = true
        return handoff.stop()
      },
      restart: () => handoff.restart(),
      restartSignals: restarts,
    },
  )
  handoff.onExit(() => {
    const listeners = program.listeners('SIGTERM')
    if (listeners.length === 0) return
    // Some end the process only if there is no other listener, such as npm's signal-exit.
    undo()
    for (const listener of listeners) listener()
    // The listeners end the process. If they do not, it exits after this time.
    return new Promise((resolve) => system.timer(ownEndMs, resolve, true))
  })
  return undo
}

function onUnhandledSignal(
  program: Program,
  signals: readonly NodeJS.Signals[],
  listener: (signal: NodeJS.Signals) => void,
): () => void {
  const undo = program.onSignal(signals, (signal) => {
    if (program.listeners(signal).length === 0) listener(signal)
    else undo()
  })
  return undo
}
