// What the commands print for people: pure functions from data to lines.

import { countsOf, total } from '../fates.ts'
import { drainedText, drainingText, kindsText } from '../supervisor/fates-text.ts'
import type { Told } from '../supervisor/old-connections.ts'
import type { ReloadLine, ReloadResult } from '../supervisor/reload.ts'
import { sideOf } from '../supervisor/side.ts'
import type { HandoffStatus, ProcessStatus, Status } from '../supervisor/status.ts'
import { formatDuration } from './duration.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'

/** One line of a reload; undefined for what only programs want to know. */
export function reloadLine(line: ReloadLine, style: Style): string | undefined {
  switch (line.type) {
    case 'stage':
      return step(line, sideOf(line.stage), line.stage, line.detail, style)
    case 'serving':
      return step(line, 'new', 'serving', line.listeners.join(', '), style)
    case 'aborted':
      return step(line, sideOf(line.stage), 'aborted', `in ${line.stage}: ${line.code}`, style)
    case 'taken-back':
      return step(line, 'old', 'taken back', line.code, style)
    case 'drained':
      return step(line, 'old', 'drained', drainedText(line.fates, line.counts), style)
    case 'joined':
      return step(line, 'new', 'joined', joinedText(line), style)
    case 'warning':
      return step(line, '', 'warning', line.message, style)
    case 'status':
    case 'result':
      return undefined
  }
}

function joinedText({ from }: { from: { pid: number; generation: number } }): string {
  return `generation ${from.generation} (pid ${from.pid}) has handed over as well`
}

/** The line that closes a reload which went well. */
export function reloadSummary(
  { generation, pid, atMs, servesAfterMs = atMs, old }: ReloadResult & { atMs: number },
  style: Style,
): string {
  const after = milliseconds(servesAfterMs)
  const connections = old ? connectionsText(old) : ''
  return `${style.tick}generation ${generation} serves (pid ${pid}) after ${after}${connections}`
}

/** What has become of the connections of the old process; nothing where it had none. */
function connectionsText({ pid, generation, drained, connections, counts, fates }: Told): string {
  if (!drained) {
    const text = drainingText(fates, connections)
    const where = connections > 0 ? ` in generation ${generation} (pid ${pid})` : ''
    return text === '' ? '' : `: ${text}${where}`
  }
  const any = Object.values(counts).some((count) => count > 0)
  return any ? `: ${drainedText(fates, counts)}` : ''
}

/** The whole of `handoff status`. */
export function statusLines(status: Status, style: Style, now: number): string[] {
  const { name, pid, generation, processes, handoffs, backoff, program } = status
  const serves =
    generation === null ? style.bad('nobody serves') : style.good(`generation ${generation} serves`)
  return [
    `${style.bold(name)}  ${serves}  ${style.dim(`supervisor pid ${pid}`)}`,
    ...(backoff === null ? [] : [style.bad(backoffLine(backoff))]),
    ...(processes.length === 0 ? [] : ['', ...processLines(status, style)]),
    '',
    ...processes.flatMap(drainLine),
    ...(program === null ? [] : [`entry        ${program.entry}`, `node         ${program.node}`]),
    `handoffs     ${handoffs.completed} completed, ${handoffs.aborted} aborted`,
    ...fatesLine(handoffs),
    ...(handoffs.last === null ? [] : [lastLine(handoffs.last, now)]),
  ]
}

/** A drain that is under way, with its numbers so far. */
function drainLine({ pid, generation, stage, connections, fates }: ProcessStatus): string[] {
  const text = stage === 'drain' ? drainingText(fates, connections) : ''
  return text === '' ? [] : [`drain        generation ${generation} (pid ${pid}): ${text}`]
}

function fatesLine({ fates }: Status['handoffs']): string[] {
  const any = Object.values(countsOf(fates)).some((count) => count > 0)
  return any ? [`in all       ${drainedText(fates)}`] : []
}

function step(
  { atMs, pid }: { atMs: number; pid: number },
  side: string,
  what: string,
  detail: string,
  style: Style,
): string {
  const time = milliseconds(atMs).padStart(9)
  // Ten letters: `taken back`, `discover`.
  const columns = `${time}  ${side.padEnd(3)}  ${String(pid).padEnd(7)}  ${what.padEnd(10)}`
  return `${columns}  ${style.dim(detail)}`.trimEnd()
}

function processLines({ processes }: Status, style: Style): string[] {
  const head = ['pid', 'generation', 'stage', 'up', 'connections', 'listeners']
  const rows = processes.map((process) => [
    String(process.pid),
    process.generation === 0 ? '-' : String(process.generation),
    process.stage,
    formatDuration(process.uptimeMs),
    openText(process),
    process.listeners.join(' '),
  ])
  const [first = '', ...rest] = table([head, ...rows])
  return [style.dim(first), ...rest]
}

function openText({ connections, open }: ProcessStatus): string {
  const kinds = kindsText(open)
  // An older release tells no kinds.
  if (kinds === '' || total(open) !== connections) return String(connections)
  return kinds.includes(',') ? `${connections}: ${kinds}` : kinds
}

function backoffLine({ crashes, retryInMs }: NonNullable<Status['backoff']>): string {
  const times = crashes === 1 ? 'once' : `${crashes} times in a row`
  return `crashed ${times}, starts again in ${formatDuration(retryInMs)}`
}

function lastLine({ outcome, at, message }: HandoffStatus, now: number): string {
  const ago = formatDuration(Math.max(0, now - Date.parse(at)))
  const why = message === undefined ? '' : `: ${message}`
  return `last         ${outcome} ${ago} ago${why}`
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`
}
