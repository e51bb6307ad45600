// Limits how many generations of one worker run at once: each has the memory of a whole server.

import { parsed } from '../../terms/checks.ts'
import { HandoffError } from '../../terms/errors.ts'
import { plural } from '../../terms/plural.ts'
import type { ProcessRecord, Registry } from '../registry/registry.ts'

/**
 * One that serves and nine that drain: about 1 GB for servers of 100 MB. With the default drain timeout
 * of 30 s, only reloads every three seconds reach this number.
 */
export const defaultMaxGenerations = 10

/** One serves, and one takes over. */
const leastMaxGenerations = 2
const mostMaxGenerations = 1_000

/** Reads a number of generations. */
export const maxGenerations = parsed(
  `a number from ${leastMaxGenerations} to ${mostMaxGenerations}: one serves, and one takes over`,
  (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return count >= leastMaxGenerations && count <= mostMaxGenerations ? count : undefined
  },
)

/**
 * The generations that have to end before one more is started, the oldest first.
 *
 * @remarks None if no process serves: a server that crashed is started again in any case.
 */
export function surplusGenerations(registry: Registry, most: number): ProcessRecord[] {
  const { processes, serving } = registry
  if (serving === undefined) return []
  return [...processes.values()]
    .filter(({ pid }) => pid !== serving)
    .sort((a, b) => a.startedAt - b.startedAt)
    .slice(0, Math.max(0, processes.size + 1 - most))
}

/**
 * Makes the error of a reload that would start one generation too many.
 *
 * @param name - of the run.
 * @param now - by `now` of clock.ts.
 */
export function tooManyGenerations(
  name: string,
  { processes }: Registry,
  [oldest]: readonly ProcessRecord[],
  now: number,
): HandoffError {
  const count = plural(processes.size, 'generation')
  const reason = `${count} of it run, and --max-generations allows no more`
  const { pid = 0, generation = 0, connections = 0, startedAt = now } = oldest ?? {}
  const age = Math.round((now - startedAt) / 1_000)
  const which = `the oldest is generation ${generation} (pid ${pid}, ${plural(connections, 'connection')}, started ${age} s ago)`
  return new HandoffError(
    'ERR_HANDOFF_TOO_MANY_GENERATIONS',
    `cannot reload ${name}: ${reason}; ${which}`,
  )
}
