// Computes the pause before a crashed server is started again.

/** systemd restarts after 100 ms (RestartSec=). The pause grows with each further crash. */
const firstDelayMs = 100
/** Half a minute: costs the machine little, and the server still comes back by itself. */
const longestDelayMs = 30_000
/** A server that has served for this long has recovered: its next crash counts as the first. */
const recoveredAfterMs = 60_000

/** Crashes in a row, none of them after a minute of service. */
export interface Backoff {
  readonly crashes: number
  /** The pause before the next start. */
  readonly delayMs: number
}

export const noCrash: Backoff = { crashes: 0, delayMs: 0 }

/** Counts one more crash of a process that had served for `servedMs` (0: it never did). */
export function afterCrash(backoff: Backoff, servedMs: number): Backoff {
  const crashes = servedMs >= recoveredAfterMs ? 1 : backoff.crashes + 1
  return { crashes, delayMs: Math.min(firstDelayMs * 2 ** (crashes - 1), longestDelayMs) }
}
