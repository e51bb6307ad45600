// Describes what a stop waits for.

import { type KindCounts, total } from '../../terms/fates.ts'
import { plural } from '../../terms/plural.ts'
import { kindsText } from '../../words/fates-text.ts'
import { processName } from '../../words/sentence.ts'

/** A process that has not ended yet. */
export interface Waited {
  readonly pid: number
  readonly generation: number
  readonly connections: number
  /** By kind. */
  readonly open: KindCounts
}

/** `2 connections (1 http, 1 websocket) of generation 3 (pid 4711)`, for all that have not ended. */
export function waitingText(processes: readonly Waited[]): string {
  return processes.map(oneText).join('; ')
}

function oneText({ connections, open, ...process }: Waited): string {
  const name = processName(process)
  if (connections === 0) return `${name} to end`
  const kinds = kindsText(open)
  if (kinds === '' || total(open) !== connections)
    return `${plural(connections, 'connection')} of ${name}`
  // A stop closes connections at rest: the others have a request under way.
  const what =
    open.http === connections
      ? requestsText(connections)
      : `${plural(connections, 'connection')} (${kinds})`
  return `${what} of ${name}`
}

function requestsText(count: number): string {
  const kind = count === 1 ? 'a long reply or an event stream' : 'long replies or event streams'
  return `${plural(count, 'request')} under way (${kind})`
}
