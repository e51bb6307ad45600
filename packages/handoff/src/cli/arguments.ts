// Reads the values of flags. Commander turns these errors into exit code 2.

import { InvalidArgumentError } from 'commander'
import { listenerPlace } from '../supervisor/control/listener-place.ts'
import * as workers from '../supervisor/control/worker-count.ts'
import { isName } from '../supervisor/program/entry.ts'
import { maxGenerations } from '../supervisor/worker/generation-limit.ts'
import { type Check, Mismatch, parsed } from '../terms/checks.ts'
import { parseDuration } from './text/duration.ts'

/** Reads the value of a flag. @throws {@link InvalidArgumentError}, which says what to give instead. */
function argument<T>(check: Check<T>, help = ''): (text: string) => T {
  return (text) => {
    try {
      return check(text, 'the value')
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error
      throw new InvalidArgumentError(`Give ${error.expected}.${help}`)
    }
  }
}

/** A duration in milliseconds. */
export const duration = argument(parsed('a duration: 500ms, 30s, 2m', parseDuration))

/** A duration in which something has to happen. */
export const positiveDuration = argument(
  parsed('a duration above 0: 500ms, 30s, 2m', (text) => parseDuration(text) || undefined),
)

/** A process reports each second: a shorter watchdog would end processes that do not hang. */
const leastWatchdogMs = 2_000

/** How long a process may report nothing; 0: no limit. */
export const watchdogDuration = argument(
  parsed('a duration of 2s or more, or 0 for no watchdog', (text) => {
    const ms = parseDuration(text)
    return ms === 0 || (ms !== undefined && ms >= leastWatchdogMs) ? ms : undefined
  }),
)

const onePlace = argument(listenerPlace, ' Repeat the flag for more.')

/** Adds a port or a Unix path: each flag has one. */
export function listenerPlaces(text: string, before: readonly string[] = []): string[] {
  return [...before, onePlace(text)]
}

/** A number of workers. */
export const workerCount = argument(workers.workerCount)

/** How many generations of one worker may run at once. */
export const generationCount = argument(maxGenerations)

/** A name that can be a directory of its own. */
export const runName = argument(
  parsed('a name of up to 64 letters, digits and . _ -', (text) =>
    isName(text) ? text : undefined,
  ),
)
