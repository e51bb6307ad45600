// What a stop waits for, in words.

import { type KindCounts, total } from '../../terms/fates.ts'
import { plural } from '../../terms/plural.ts'
import { kindsText } from '../../words/fates-text.ts'

/** A process that has not ended yet. */
export interface Waited {
  readonly pid: number
  readonly generation: number
  readonly connections: number
  /** The same by kind. */
  readonly open: KindCounts
}

/** `2 connections (1 http, 1 websocket) of generation 3 (pid 4711)`, for all that have not ended. */
export function waitingText(processes: readonly Waited[]): string {
  return processes.map(oneText).join('; ')
}

function oneText({ pid, generation, connections, open }: Waited): string {
  const name = generation === 0 ? `a process (pid ${pid})` : `generation ${generation} (pid ${pid})`
  if (connections === 0) return `${name} to end`
  const kinds = kindsText(open)
  if (kinds === '' || total(open) !== connections)
    return `${plural(connections, 'connection')} of ${name}`
  // At a stop those at rest are closed: what is left has a request under way.
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
