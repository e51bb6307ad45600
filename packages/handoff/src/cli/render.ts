// What the commands print for people: pure functions from data to lines.

import { countsText } from '../supervisor/counts.ts'
import type { ReloadLine, ReloadResult } from '../supervisor/reload.ts'
import { sideOf } from '../supervisor/side.ts'
import type { HandoffStatus, Status } from '../supervisor/status.ts'
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
      return step(line, 'old', 'drained', countsText(line.counts), style)
    case 'warning':
      return step(line, '', 'warning', line.message, style)
    case 'status':
    case 'result':
      return undefined
  }
}

/** The line that closes a reload which went well. */
export function reloadSummary(
  { generation, pid, atMs }: ReloadResult & { atMs: number },
  style: Style,
): string {
  return `${style.tick}generation ${generation} serves (pid ${pid}) after ${milliseconds(atMs)}`
}

/** The whole of `handoff status`. */
export function statusLines(status: Status, style: Style, now: number): string[] {
  const { name, pid, generation, processes, handoffs, backoff } = status
  const serves =
    generation === null ? style.bad('nobody serves') : style.good(`generation ${generation} serves`)
  return [
    `${style.bold(name)}  ${serves}  ${style.dim(`supervisor pid ${pid}`)}`,
    ...(backoff === null ? [] : [style.bad(backoffLine(backoff))]),
    ...(processes.length === 0 ? [] : ['', ...processLines(status, style)]),
    '',
    `handoffs  ${handoffs.completed} completed, ${handoffs.aborted} aborted`,
    ...(handoffs.last === null ? [] : [lastLine(handoffs.last, now)]),
  ]
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
    String(process.connections),
    process.listeners.join(' '),
  ])
  const [first = '', ...rest] = table([head, ...rows])
  return [style.dim(first), ...rest]
}

function backoffLine({ crashes, retryInMs }: NonNullable<Status['backoff']>): string {
  const times = crashes === 1 ? 'once' : `${crashes} times in a row`
  return `crashed ${times}, starts again in ${formatDuration(retryInMs)}`
}

function lastLine({ outcome, at, message }: HandoffStatus, now: number): string {
  const ago = formatDuration(Math.max(0, now - Date.parse(at)))
  const why = message === undefined ? '' : `: ${message}`
  return `last      ${outcome} ${ago} ago${why}`
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`
}
