// Makes the lines that commands print for people. Pure functions.

import { printable } from '../../protocol/printable.ts'
import type { ReloadLine } from '../../supervisor/control/reload-lines.ts'
import type { ReloadResult, WorkerResult } from '../../supervisor/control/reload-result.ts'
import type { DrainReport } from '../../supervisor/fleet/old-connections.ts'
import { defaultSilenceMs } from '../../supervisor/processes/hung-processes.ts'
import type { HandoffStatus, ProcessStatus, Status } from '../../supervisor/registry/run-status.ts'
import { sideOf } from '../../supervisor/registry/side.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { countsOf, total } from '../../terms/fates.ts'
import { detailOf, mayStillAccept } from '../../words/describe.ts'
import { drainedText, drainingText, kindsText } from '../../words/fates-text.ts'
import { formatDuration } from './duration.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'

/** Makes the line of an event; undefined for events that only programs need. */
export function reloadLine(reported: ReloadLine, style: Style): string | undefined {
  if (reported.type === 'result') return undefined
  const [side, what] = columnsOf(reported) ?? []
  if (side === undefined || what === undefined) return undefined
  return step(reported, side, what, detailOf(reported), style)
}

/** The side of the handoff that reports, and what happens there. A later release may have more events. */
function columnsOf(event: HandoffEvent): [side: 'old' | 'new' | '', what: string] | undefined {
  switch (event.type) {
    case 'stage':
      return [sideOf(event.stage), event.stage]
    case 'aborted':
      return [sideOf(event.stage), 'aborted']
    case 'taken-back':
      return ['old', 'taken back']
    case 'drained':
      return ['old', 'drained']
    case 'serving':
    case 'joined':
      return ['new', event.type]
    case 'warning':
      return ['', event.type]
    case 'status':
      return undefined
  }
}

/** Makes the last lines of a reload that succeeded: one for each worker. */
export function reloadSummary(given: ReloadResult & { atMs: number }, style: Style): string[] {
  const result = printable(given)
  const { workers, atMs } = result
  if (workers === undefined) return [`${style.tick}${servesText(result, atMs)}`]
  return workers.map((one) => {
    const text =
      one.outcome === 'left' ? `has handed over to worker ${one.to}` : servesText(one, atMs)
    return `${style.tick}worker ${one.worker}: ${text}`
  })
}

function servesText(
  { generation, pid, servesAfterMs, aloneAfterMs, old }: ReloadResult | WorkerResult,
  atMs: number,
): string {
  const servedMs = servesAfterMs ?? atMs
  const after = `${milliseconds(servedMs)}${aloneText(servedMs, aloneAfterMs)}`
  const connections = old ? connectionsText(old) : ''
  return `generation ${generation} serves (pid ${pid}) after ${after}${connections}`
}

/** A shorter ramp is not worth a word. */
const briefRampMs = 100

/** When the old process stopped accepting, unless that was when the new one began. */
function aloneText(servesAfterMs: number, aloneAfterMs: number | null | undefined): string {
  if (aloneAfterMs === null) return `; ${mayStillAccept}`
  if (aloneAfterMs === undefined || aloneAfterMs - servesAfterMs < briefRampMs) return ''
  return `, alone after ${milliseconds(aloneAfterMs)}`
}

/** What has become of the connections of the old process; empty if it had none. */
function connectionsText({
  pid,
  generation,
  drained,
  connections,
  counts,
  fates,
}: DrainReport): string {
  if (!drained) {
    const text = drainingText(fates, connections)
    const where = connections > 0 ? ` in generation ${generation} (pid ${pid})` : ''
    return text === '' ? '' : `: ${text}${where}`
  }
  const any = Object.values(counts).some((count) => count > 0)
  return any ? `: ${drainedText(fates, counts)}` : ''
}

/** Makes the output of `handoff status`. */
export function statusLines(given: Status, style: Style, now: number): string[] {
  const status = printable(given)
  const { name, pid, processes, handoffs, program } = status
  return [
    `${style.bold(name)}  ${servesWord(status, style)}  ${style.dim(`supervisor pid ${pid}`)}`,
    ...waitingLines(status).map((line) => style.bad(line)),
    ...(processes.length === 0 ? [] : ['', ...processLines(status, style)]),
    '',
    ...processes.flatMap(silentLine),
    ...processes.flatMap(drainLine),
    ...generationsLine(status),
    ...(status.standby === undefined
      ? []
      : [`standby      pid ${status.standby} waits for the next reload`]),
    ...(program === null ? [] : [`entry        ${program.entry}`, `node         ${program.node}`]),
    `handoffs     ${handoffs.completed} completed, ${handoffs.aborted} aborted`,
    ...fatesLine(handoffs),
    ...(handoffs.last === null ? [] : [lastLine(handoffs.last, now)]),
  ]
}

function servesWord({ generation, workers, processes }: Status, style: Style): string {
  if (generation === null) return style.bad('no process serves')
  const silent = processes.filter(
    (one) => isSilent(one) && workers.some(({ serving }) => serving === one.pid),
  )
  if (workers.length === 1) {
    const [one] = silent
    if (one === undefined) return style.good(`generation ${generation} serves`)
    return style.bad(`generation ${generation} serves, but ${silenceText(one)}`)
  }
  const serving = workers.filter(({ serving }) => serving !== null).length
  if (silent.length > 0) {
    const but = `${silent.length} of them may hang`
    return style.bad(`${serving} of ${workers.length} workers serve, but ${but}`)
  }
  if (serving === workers.length) return style.good(`${serving} workers serve`)
  return style.bad(`${serving} of ${workers.length} workers serve`)
}

/** Whether a process has reported nothing for so long that an operator should know. */
function isSilent({ silentMs }: ProcessStatus): boolean {
  return silentMs !== null && silentMs >= defaultSilenceMs
}

function silenceText({ silentMs }: ProcessStatus): string {
  return `has sent no report for ${formatDuration(silentMs ?? 0)}`
}

/** The line of a process that reports nothing: possible causes, and what an operator can do. */
function silentLine(process: ProcessStatus): string[] {
  if (!isSilent(process)) return []
  const { pid, generation } = process
  const name = generation === 0 ? `pid ${pid}` : `generation ${generation} (pid ${pid})`
  const why = 'it hangs, or is stopped (SIGSTOP, a debugger)'
  return [`silent       ${name} ${silenceText(process)}: ${why}; \`kill -9 ${pid}\` ends it`]
}

/** The lines of workers that wait for their next start. */
function waitingLines({ workers }: Status): string[] {
  return workers.flatMap(({ worker, backoff }) => {
    if (backoff === null) return []
    const [when, ...why] = backoffLines(backoff)
    return workers.length === 1 ? [when, ...why] : [`worker ${worker} ${when}`, ...why]
  })
}

/** The number of generations, if more than two run. */
function generationsLine({ processes, maxGenerations }: Status): string[] {
  const counts = new Map<number, number>()
  for (const { worker } of processes) counts.set(worker, (counts.get(worker) ?? 0) + 1)
  const most = Math.max(0, ...counts.values())
  return most > 2 && maxGenerations !== undefined
    ? [`generations  ${most} of ${maxGenerations}`]
    : []
}

/** The line of a process in its ramp or its drain, with its numbers so far. */
function drainLine({ pid, generation, stage, connections, fates }: ProcessStatus): string[] {
  const name = `generation ${generation} (pid ${pid})`
  const text = drainingText(fates, connections)
  if (stage === 'ramp') {
    const soFar = text === '' ? '' : `: ${text}`
    return [`ramp         ${name} still accepts, beside the new process${soFar}`]
  }
  return stage !== 'drain' || text === '' ? [] : [`drain        ${name}: ${text}`]
}

function fatesLine({ fates }: Status['handoffs']): string[] {
  const any = Object.values(countsOf(fates)).some((count) => count > 0)
  return any ? [`in all       ${drainedText(fates)}`] : []
}

function step(
  { atMs, pid, worker }: { atMs: number; pid: number; worker?: number },
  side: string,
  what: string,
  detail: string,
  style: Style,
): string {
  const time = milliseconds(atMs).padStart(9)
  // Ten letters: `taken back`.
  const workerColumn = worker === undefined ? '' : `${String(worker).padStart(2)}  `
  const columns = `${time}  ${workerColumn}${side.padEnd(3)}  ${String(pid).padEnd(7)}  ${what.padEnd(10)}`
  return `${columns}  ${style.dim(detail)}`.trimEnd()
}

function processLines({ workers, processes }: Status, style: Style): string[] {
  const isOne = workers.length === 1 && processes.every(({ worker }) => worker === 1)
  const head = ['pid', 'generation', 'stage', 'up', 'connections', 'listeners']
  const rows = processes.map((process) => [
    ...(isOne ? [] : [String(process.worker)]),
    String(process.pid),
    process.generation === 0 ? '-' : String(process.generation),
    process.stage,
    formatDuration(process.uptimeMs),
    openText(process),
    process.listeners.join(' '),
  ])
  const [first = '', ...rest] = table([[...(isOne ? [] : ['worker']), ...head], ...rows])
  return [style.dim(first), ...rest]
}

function openText({ connections, open }: ProcessStatus): string {
  const kinds = kindsText(open)
  // An older release reports no kinds.
  if (kinds === '' || total(open) !== connections) return String(connections)
  return kinds.includes(',') ? `${connections}: ${kinds}` : kinds
}

function backoffLines({
  crashes,
  retryInMs,
  why,
}: NonNullable<Status['backoff']>): [when: string, ...why: string[]] {
  const times = crashes === 1 ? 'once' : `${crashes} times in a row`
  const when = `crashed ${times}, starts again in ${formatDuration(retryInMs)}`
  return why === undefined ? [when] : [when, why]
}

function lastLine({ outcome, at, message }: HandoffStatus, now: number): string {
  const ago = formatDuration(Math.max(0, now - Date.parse(at)))
  const why = message === undefined ? '' : `: ${message}`
  return `last         ${outcome} ${ago} ago${why}`
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`
}
