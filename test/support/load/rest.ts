// The time between two requests of a client.

import { setTimeout as pause } from 'node:timers/promises'

/** Waits for a random time of this mean, in milliseconds; 0 does not wait. */
export async function rest(meanMs: number): Promise<void> {
  if (meanMs > 0) await pause(Math.random() * 2 * meanMs)
}
