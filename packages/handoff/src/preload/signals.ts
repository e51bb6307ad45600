// The signals of a process that is shared with a program: its own listeners come first.

import type { Program, System } from '../io/system/system.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import { handleSignals } from '../process/signals.ts'

/**
 * How long the program may take for its own end once its last connection has ended, in
 * milliseconds: 10 s, as docker stop.
 */
const ownEndMs = 10_000

/**
 * SIGTERM and SIGINT stop the process in order, and `restarts` restart it.
 * But a signal to which the program listens is the program's: it ends as it did without us.
 *
 * A process that ends by itself, replaced or stopped by us, calls the program's own listeners to
 * SIGTERM when its last connection has ended: they write what is left and close what is open.
 *
 * @returns the undo.
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
      onSignal: (signals, listener) => onUnheardSignal(program, signals, listener),
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
    // Some end the process only where nobody else listens: npm's signal-exit.
    undo()
    for (const listener of listeners) listener()
    // They end the process; one that does not has had its time.
    return new Promise((resolve) => system.timer(ownEndMs, resolve, true))
  })
  return undo
}

function onUnheardSignal(
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
