// Handles the signals of an operator, a service manager or a terminal.

import { constants } from 'node:os'
import { isatty } from 'node:tty'

export interface SignalHandlers {
  reload(why: string): void
  stop(): void
  /** A second signal to stop arrived: end immediately. */
  kill(code: number): void
}

/** Listens to signals. Returns the undo. */
export function handleOperatorSignals({ reload, stop, kill }: SignalHandlers): () => void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd))
  let stopping = false
  const onStop = (signal: NodeJS.Signals) => {
    // The shell's convention for an end by signal.
    if (stopping) kill(128 + constants.signals[signal])
    stopping = true
    stop()
  }
  const listeners = {
    SIGTERM: onStop,
    SIGINT: onStop,
    SIGUSR2: (signal: NodeJS.Signals) => reload(`${signal} received`),
    SIGHUP(signal: NodeJS.Signals) {
      // A terminal that closes hangs up its descriptors first. A service manager that reloads does not.
      if (terminals.some((fd) => !isatty(fd))) onStop('SIGTERM')
      else reload(`${signal} received`)
    },
  }
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener)
  return () => {
    for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener)
  }
}
