// Reads the values of flags; commander turns these errors into exit code 2.

import { InvalidArgumentError } from 'commander'
import { isListenerPlace } from '../supervisor/control/listener-place.ts'
import { mostWorkers, readWorkerCount } from '../supervisor/control/worker-count.ts'
import { isName } from '../supervisor/program/entry.ts'
import {
  leastMaxGenerations,
  mostMaxGenerations,
  readMaxGenerations,
} from '../supervisor/worker/generation-limit.ts'
import { parseDuration } from './text/duration.ts'

/** A duration in milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('Give a duration: 500ms, 30s, 2m.')
  return ms
}

/** A duration in which something has to happen. */
export function positiveDuration(text: string): number {
  const ms = duration(text)
  if (ms === 0) throw new InvalidArgumentError('Give it some time: 500ms, 30s, 2m.')
  return ms
}

/** A process reports once a second that it lives: less than two of these would end healthy ones. */
const leastWatchdogMs = 2_000

/** How long a process may say nothing; 0 is for ever. */
export function watchdogDuration(text: string): number {
  const ms = duration(text)
  if (ms !== 0 && ms < leastWatchdogMs) {
    throw new InvalidArgumentError('Give 2s or more, or 0 for no watchdog.')
  }
  return ms
}

/** Ports and Unix paths, one a flag. */
export function listenerPlace(text: string, before: readonly string[] = []): string[] {
  // A comma stands between two of them in HANDOFF_DROP.
  if (isListenerPlace(text) && !text.includes(',')) return [...before, text]
  throw new InvalidArgumentError(
    'Give a port from 1 to 65535 or a Unix path; repeat the flag for more.',
  )
}

/** A number of workers. */
export function workerCount(text: string): number {
  const count = readWorkerCount(text)
  if (count !== undefined) return count
  throw new InvalidArgumentError(`Give a number from 1 to ${mostWorkers}, or max.`)
}

/** How many generations there may be at once. */
export function generationCount(text: string): number {
  const count = readMaxGenerations(text)
  if (count !== undefined) return count
  const range = `${leastMaxGenerations} to ${mostMaxGenerations}`
  throw new InvalidArgumentError(`Give a number from ${range}: one serves, and one takes over.`)
}

/** A name that can be a directory of its own. */
export function runName(text: string): string {
  if (isName(text)) return text
  throw new InvalidArgumentError('A name has up to 64 letters, digits and . _ -')
}
