// What the supervisor tells the operator, in one place: every sentence of `handoff run`.

import { reasonOf, type Serving } from '../../terms/errors.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { plural } from '../../terms/plural.ts'
import { describe } from '../../words/describe.ts'
import { withSentence } from '../../words/sentence.ts'
import { defaultSilenceMs, type HungProcess } from '../processes/hung-processes.ts'
import { type Exit, endText, isTermination } from '../registry/exit.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { Failure } from '../registry/start-result.ts'
import { type Waited, waitingText } from './waiting-text.ts'

/** One line, and how it is meant. */
export interface Announcement {
  readonly tone: 'info' | 'good' | 'bad'
  readonly text: string
  /** It says nothing of how the service stands after it. */
  readonly passing?: true
}

export function reloadBegins(why: string): Announcement {
  return info(`${why}: a new process starts`)
}

export function endsOldest({ pid, generation }: ProcessRecord, most: number): Announcement {
  const who = `generation ${generation} (pid ${pid})`
  return info(`${who} is ended: there may be ${plural(most, 'generation')} at once`)
}

/** Somebody has removed the directory of the run, or something of ours in it. */
export function renewed(path: string): Announcement {
  return bad(
    `${path} was removed, or something in it: it is made anew, and the server serves on. Keep it from programs that clean up`,
  )
}

/** The same, where it cannot be made again. */
export function cannotRenew(path: string, reason: string): Announcement {
  return bad(
    `${path} was removed, or something in it, and cannot be made anew: ${reason}. The server serves on; no command gets here (SIGHUP to pid ${process.pid} reloads, SIGTERM stops)`,
  )
}

export function reloadQueued(why: string): Announcement {
  return info(`${why}, in the middle of a start: once more after it`)
}

/** The supervisor shows the events of its processes as every other place does. */
export function event(event: HandoffEvent): Announcement {
  const { tone, text } = describe(event)
  // Draining goes on beside the service.
  return {
    tone: tone === 'detail' ? 'info' : tone,
    text,
    ...(event.type === 'drained' && { passing: true }),
  }
}

export function failed(
  { code, message }: Failure,
  serving: Serving,
  old?: ProcessRecord,
  silentMs = 0,
): Announcement {
  return bad(`${withWhoServes(message, serving, old, silentMs)} [${code}]`)
}

/** Answers the operator's first question behind a message, which may end in a help or in its reason. */
export function withWhoServes(
  message: string,
  serving: Serving,
  old?: ProcessRecord,
  silentMs = 0,
): string {
  return withSentence(message, whoServes(serving, old, silentMs))
}

function whoServes(serving: Serving, old: ProcessRecord | undefined, silentMs: number): string {
  if (serving === 'none') return 'Nobody serves.'
  if (old === undefined) return 'The server that was there before serves on.'
  if (silentMs >= defaultSilenceMs) {
    const silence = `has said nothing for ${Math.round(silentMs / 1000)} s`
    return `Generation ${old.generation} (pid ${old.pid}) has the listeners and ${silence}: \`kill -9 ${old.pid}\` has it started again.`
  }
  return `Generation ${old.generation} (pid ${old.pid}) serves on.`
}

/** The end of a process that served, or that still had work. */
export function ended(
  record: Pick<ProcessRecord, 'pid' | 'generation' | 'stage'>,
  exit: Exit | undefined,
  words: string | undefined,
): Announcement {
  const { pid, generation, stage } = record
  const name = `generation ${generation} (pid ${pid})`
  // It had done its work, and its own listeners to SIGTERM ran: many raise the signal again.
  if (stage === 'exit' && exit !== undefined && isTermination(exit)) return info(`${name} exited`)
  const line = exit?.code === 0 ? info : bad
  return line(`${name} ${endText(exit, words)}`)
}

/**
 * @param isKept - whether the port is still open: who connects now is served then.
 * @param why - once more, for whoever reads this line alone; it is the status of the service.
 */
export function pause(ms: number, isKept: boolean, why: string): Announcement {
  const wait = isKept ? '; clients wait until then' : ''
  const when = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
  return info(`the server starts again in ${when}${wait}. Why: ${why}`)
}

export function endedByItself(): Announcement {
  return info('the server has ended by itself; so does the supervisor')
}

export function upgraded(from: string, to: string): Announcement {
  return good(`the supervisor is release ${to} now, in place of ${from}; nothing was restarted`)
}

export function watches(directory: string): Announcement {
  return info(`watching ${directory} for changes`)
}

export function feedsItself(path: string): Announcement {
  return bad(
    `${path} changes at each start: the program writes it by itself, and each change starts it ` +
      `again. It is not watched any more; --watch-ignore '${path}' says so from the beginning`,
  )
}

export function stopping(processes: number): Announcement {
  return info(`stopping: ${processes} process${processes === 1 ? '' : 'es'} to drain`)
}

/** The very first start finds that another process takes over from the one that serves. */
export function waitsForOther({ message }: Failure, ms: number): Announcement {
  const most = `${Math.round(ms / 1000)} s at most`
  return info(
    `${withSentence(message, `Waiting until that one serves or has failed, for ${most}.`)}`,
  )
}

/** A process of an earlier supervisor has not answered a whole start. */
export function endsSilentHolder(pid: number): Announcement {
  const what = 'a process of this run that an earlier supervisor has started'
  return bad(
    `${what} (pid ${pid}) holds the rendezvous socket and does not answer: killing it, and starting again`,
  )
}

/** The supervisor has killed a process that hung; `reason` is what that had done, or not. */
export function killedHung({ pid, generation }: ProcessRecord, reason: string): Announcement {
  const name =
    generation === 0 ? `the process (pid ${pid})` : `generation ${generation} (pid ${pid})`
  return bad(`${name} was killed by this supervisor: it ${reason}`)
}

export function silenceReason(why: HungProcess['why'], silentMs: number): string {
  const when = {
    probation: ' in its probation',
    commit: ' after the commit',
    watchdog: '',
    past: ' while no process serves',
  }
  return `said nothing for ${silentMs / 1000} s${when[why]}${why === 'past' ? '' : ' (--watchdog sets how long it may)'}`
}

export function takeBackReason(ms: number): string {
  return `did not take back within ${ms / 1000} s`
}

export function drainReason({ connections }: ProcessRecord, ms: number): string {
  const open = connections === 0 ? '' : `, with ${plural(connections, 'connection')} open`
  return `was still there ${Math.round(ms / 1000)} s after its handoff, or after it last asked for time${open}`
}

export function stuck(pids: readonly number[]): Announcement {
  const list = pids.map((pid) => `pid ${pid}`).join(', ')
  return bad(
    `killed, and still there: ${list}; the kernel does not let it go (ps -o stat,wchan). Ending without it`,
  )
}

/**
 * @param ms - how long they have at most.
 * @param how - by which the operator ends them now.
 */
export function waitsFor(processes: readonly Waited[], ms: number, how: string): Announcement {
  return info(`waiting for ${waitingText(processes)}, up to ${secondsText(ms)}; ${how} ends it now`)
}

/** With `--watch` a stop is not worth a wait. */
export function waitsNoLonger(processes: readonly Waited[], ms: number): Announcement {
  return info(
    `--watch waits no longer than ${secondsText(ms)} for ${waitingText(processes)}; ` +
      '--drain-timeout gives it more',
  )
}

function secondsText(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

export function stopDeadline(): Announcement {
  return bad('the time to drain is up: killing what is left')
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
