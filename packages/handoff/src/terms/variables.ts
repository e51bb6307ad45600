// Environment variables that the supervisor and systemd set for one process.

/** Variables that the supervisor sets for a process, and those of systemd. */
const ownVariables = [
  'HANDOFF_RENDEZVOUS',
  'HANDOFF_STATUS_INTERVAL_MS',
  'HANDOFF_GENERATION',
  'HANDOFF_READY_TIMEOUT_MS',
  'HANDOFF_DRAIN_TIMEOUT_MS',
  'HANDOFF_PROBATION_MS',
  'HANDOFF_RAMP_MS',
  'HANDOFF_TLS',
  'HANDOFF_JOINS',
  'HANDOFF_DROP',
  'HANDOFF_IDLE',
  'HANDOFF_FIRST_MODULE',
  'HANDOFF_CODE_CACHE',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
] as const

export type Variables = Partial<Record<(typeof ownVariables)[number], string>>

/** Removes our variables from the environment. */
export function takeVariables(env: NodeJS.ProcessEnv, pid = process.pid): Variables {
  const variables = readVariables(env, pid)
  dropVariables(env)
  return variables
}

/** Reads our variables that have a value. */
export function readVariables(env: NodeJS.ProcessEnv, pid: number): Variables {
  const variables: Variables = {}
  for (const name of ownVariables) {
    const value = env[name]
    if (value !== undefined && value !== '') variables[name] = value
  }
  // WATCHDOG_PID is not kept: the watchdog of a new process has the same time.
  if (watchdogMs(env, pid) === undefined) delete variables.WATCHDOG_USEC
  return variables
}

/** Removes our variables, and the one that says for which process the watchdog is. */
export function dropVariables(env: NodeJS.ProcessEnv): void {
  for (const name of [...ownVariables, 'WATCHDOG_PID']) delete env[name]
}

/** Reads a number; Number() makes 0 of blanks. */
export function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text)
}

/** systemd's USEC_INFINITY (UINT64_MAX): no watchdog. */
const usecInfinity = 2 ** 64

/**
 * Returns how long systemd's watchdog waits for a message of this process, in milliseconds; undefined
 * if there is none, if it watches another process, or if the time is not valid.
 *
 * @see sd_watchdog_enabled(3)
 */
export function watchdogMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID = String(pid) } = env
  const usec = Number(WATCHDOG_USEC)
  const isTime = usec >= 1_000 && usec < usecInfinity
  return WATCHDOG_PID === String(pid) && isTime ? usec / 1_000 : undefined
}
