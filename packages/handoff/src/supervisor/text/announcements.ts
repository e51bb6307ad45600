// Every sentence that `handoff run` prints.

import { reasonOf, type Serving } from '../../terms/errors.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { plural } from '../../terms/plural.ts'
import { describe, mayStillAccept, servingText } from '../../words/describe.ts'
import { processName, withSentence } from '../../words/sentence.ts'
import { defaultSilenceMs, type HungProcess } from '../processes/hung-processes.ts'
import { type Exit, endText, isTermination } from '../registry/process-exit.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { Failure } from '../registry/start-result.ts'
import { type Waited, waitingText } from './waiting-text.ts'

/** One line for the operator. */
export interface Announcement {
  readonly tone: 'info' | 'good' | 'bad'
  readonly text: string
  /** The line does not describe the state of the service, which `systemctl status` shows. */
  readonly passing?: true
}

/** Describes an event in the words that all other places use. */
export function event(event: HandoffEvent): Announcement {
  const { tone, text } = describe(event)
  const line = { tone: tone === 'detail' ? 'info' : tone, text } as const
  return event.type === 'drained' ? { ...line, passing: true } : line
}

export function reloadBegins(why: string): Announcement {
  return info(`${why}: a new process starts`)
}

/** The old process hangs in its ramp, or is stopped (SIGSTOP). The new one serves. */
export function noEndOfRamp(): Announcement {
  return bad(`${mayStillAccept}: it hangs, or is stopped. It accepts no more as soon as it goes on`)
}

/** @param isRamping - whether the start has ended, and the old process still accepts beside the new one. */
export function reloadQueued(why: string, isRamping = false): Announcement {
  return info(`${why} during a ${isRamping ? 'ramp' : 'start'}: another start follows`)
}

export function endsOldest(record: ProcessRecord, most: number): Announcement {
  return info(
    `killing ${processName(record)}: at most ${plural(most, 'generation')} may run at a time`,
  )
}

/** A cleanup program has removed the directory of the run, or a file in it. */
export function renewed(path: string): Announcement {
  return bad(
    `${path}, or a file in it, was removed and has been created again; the server serves on. Exclude it from programs that clean up`,
  )
}

export function cannotRenew(path: string, reason: string): Announcement {
  return bad(
    `cannot create ${path} again after its removal: ${reason}. The server serves on, and commands cannot reach the supervisor: use SIGHUP to pid ${process.pid} to reload, SIGTERM to stop`,
  )
}

export function failed(
  { code, message }: Failure,
  serving: Serving,
  old?: ProcessRecord,
  silentMs = 0,
): Announcement {
  return bad(`${withServing(message, serving, old, silentMs)} [${code}]`)
}

/** Appends which process serves: the first question of an operator. */
export function withServing(
  message: string,
  serving: Serving,
  old?: ProcessRecord,
  silentMs = 0,
): string {
  return withSentence(message, servingSentence(serving, old, silentMs))
}

function servingSentence(
  serving: Serving,
  old: ProcessRecord | undefined,
  silentMs: number,
): string {
  if (serving === 'none' || old === undefined) return servingText[serving]
  const name = `Generation ${old.generation} (pid ${old.pid})`
  if (silentMs < defaultSilenceMs) return `${name} serves on.`
  const silence = `has sent no report for ${secondsText(silentMs)}`
  return `${name} holds the listeners and ${silence}. To start it again: \`kill -9 ${old.pid}\`.`
}

/** The end of a process that served, or that still had connections. */
export function ended(
  record: Pick<ProcessRecord, 'pid' | 'generation' | 'stage'>,
  exit: Exit | undefined,
  reason: string | undefined,
): Announcement {
  const name = processName(record)
  // The process has drained, and its own listeners to SIGTERM ran: many raise the signal again.
  if (record.stage === 'exit' && exit !== undefined && isTermination(exit)) {
    return info(`${name} exited`)
  }
  const line = exit?.code === 0 ? info : bad
  return line(`${name} ${endText(exit, reason)}`)
}

/**
 * @param isKept - whether the listeners stay open meanwhile.
 * @param why - announced before. It is repeated for `systemctl status`, which shows one line.
 */
export function pause(ms: number, isKept: boolean, why: string): Announcement {
  const wait = isKept ? '; clients wait until then' : ''
  const when = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
  return info(`the server starts again in ${when}${wait}. Why: ${why}`)
}

export function endedByItself(): Announcement {
  return info('the server has ended by itself: the supervisor ends, too')
}

export function upgraded(from: string, to: string): Announcement {
  return good(
    `the supervisor is release ${to} now, in place of ${from}; no process was started or ended`,
  )
}

export function watches(directory: string): Announcement {
  return info(`watching ${directory} for changes`)
}

export function changesAtEachStart(path: string): Announcement {
  return bad(
    `${path} is not watched any more: the program changes it at each start, and each change reloads. ` +
      `To exclude it from the beginning: --watch-ignore '${path}'`,
  )
}

export function stopping(processes: number): Announcement {
  return info(`stopping: ${processes} process${processes === 1 ? '' : 'es'} to drain`)
}

/** The very first start finds a handoff between processes of an earlier supervisor. */
export function waitsForOther({ message }: Failure, ms: number): Announcement {
  const sentence = `Waiting until that process serves or has failed, for ${secondsText(ms)} at most.`
  return info(withSentence(message, sentence))
}

/** A process of an earlier supervisor has not answered a whole start. */
export function killsSilentHolder(pid: number): Announcement {
  return bad(
    `pid ${pid}, which an earlier supervisor has started, holds the rendezvous socket and does not answer: killing it and starting again`,
  )
}

/** @param reason - what the process did, or did not do. */
export function killedHung(record: ProcessRecord, reason: string): Announcement {
  return bad(`${processName(record)} was killed by this supervisor: it ${reason}`)
}

export function silenceReason(why: HungProcess['why'], silentMs: number): string {
  const when = {
    probation: ' in its probation',
    commit: ' after the commit',
    watchdog: '',
    past: ' while no process serves',
  }
  const limit = why === 'past' ? '' : ' (--watchdog sets the limit)'
  return `sent no report for ${silentMs / 1000} s${when[why]}${limit}`
}

export function takeBackReason(ms: number): string {
  return `did not take back within ${ms / 1000} s`
}

export function drainReason({ connections }: ProcessRecord, ms: number): string {
  const open = connections === 0 ? '' : `, with ${plural(connections, 'connection')} open`
  return `did not end within ${secondsText(ms)} after its handoff, or after its last request for time${open}`
}

export function stuck(pids: readonly number[]): Announcement {
  const list = pids.map((pid) => `pid ${pid}`).join(', ')
  return bad(
    `${list}: killed, and not ended: waiting in the kernel (ps -o stat,wchan). The supervisor ends without it`,
  )
}

/**
 * @param ms - how long the processes may take.
 * @param how - the keys or the signal by which the operator ends them now.
 */
export function waitsFor(processes: readonly Waited[], ms: number, how: string): Announcement {
  return info(`waiting for ${waitingText(processes)}, up to ${secondsText(ms)}; ${how} ends it now`)
}

/** With `--watch` a stop is short. */
export function waitsNoLonger(processes: readonly Waited[], ms: number): Announcement {
  return info(
    `with --watch a stop does not wait longer than ${secondsText(ms)} for ${waitingText(processes)}; ` +
      '--drain-timeout sets another limit',
  )
}

function secondsText(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

export function stopDeadline(): Announcement {
  return bad('the drain timeout is over: killing all processes that are left')
}

export function trouble(error: unknown): Announcement {
  return bad(reasonOf(error))
}

function info(text: string): Announcement {
  return { tone: 'info', text }
}

function good(text: string): Announcement {
  return { tone: 'good', text }
}

function bad(text: string): Announcement {
  return { tone: 'bad', text }
}
