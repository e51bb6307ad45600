// Self-spawned handoffs: this process starts its own replacement.

import { HandoffError } from './errors.ts'
import type { System } from './io/system.ts'

/** Variables that say something of this process alone, and would mislead another. */
const own = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'WATCHDOG_PID',
]

/**
 * Starts the same command again, with the way to this process's rendezvous socket.
 *
 * @param onEnd - told when it ends, ready or not.
 * @throws {@link HandoffError} ERR_HANDOFF_SPAWN_FAILED
 */
export function spawnReplacement(
  system: System,
  variables: Readonly<Record<string, string>>,
  onEnd: (error: HandoffError) => void,
): void {
  const env = { ...system.env, ...variables }
  for (const name of own) delete env[name]
  const failed = (reason: string, cause?: unknown) =>
    new HandoffError('ERR_HANDOFF_SPAWN_FAILED', `cannot start the new process: ${reason}`, {
      serving: 'old',
      cause,
    })
  try {
    const child = system.spawn(withoutInspectPort(system.command), {
      env,
      stdio: 'inherit',
      detached: true,
    })
    child.onEnd(({ code, signal, error }) => {
      if (error !== undefined) return onEnd(failed(error.message, error))
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      onEnd(
        new HandoffError(
          'ERR_HANDOFF_EXITED',
          `cannot hand over: the new process (pid ${child.pid}) ended with ${how}`,
          { serving: 'old' },
        ),
      )
    })
  } catch (cause) {
    throw failed((cause as Error).message, cause)
  }
}

/** This process has the inspector's port; the new one takes any. */
function withoutInspectPort(command: readonly string[]): string[] {
  return command.map((part) => {
    const flag = /^--inspect(-brk|-wait)?(=|$)/.exec(part)
    return flag === null ? part : `--inspect${flag[1] ?? ''}=0`
  })
}
