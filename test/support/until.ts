// Waits for a fact that nobody announces, such as an entry in /proc.

import { setTimeout as pause } from 'node:timers/promises'

/** 20 s: a word or a fact that takes longer on two busy cores is not coming. */
export const DEADLINE_MS = 20_000

/** Asks again until the answer is neither false nor undefined, and gives it. */
export async function until<T>(
  what: string,
  ask: () => T | false | undefined | Promise<T | false | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  for (const endsAt = performance.now() + deadlineMs; ; await pause(5)) {
    const answer = await ask()
    if (answer !== false && answer !== undefined) return answer
    if (performance.now() > endsAt) throw new Error(`not within ${deadlineMs} ms: ${what}`)
  }
}
