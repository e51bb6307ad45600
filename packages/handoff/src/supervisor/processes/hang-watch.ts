// Which processes hang, and are in the way of the service: their end is what brings it back.

import { readFileSync } from 'node:fs'
import { draining, type Registry } from '../registry/registry.ts'
import type { SignsOfLife } from './signs-of-life.ts'

/**
 * How long a process may say nothing where the service waits for it, in milliseconds. It reports once a
 * second. A blocked event loop of 3 s and a whole interval make 4 s; one more for a busy machine. Clients wait
 * as long, and few of them give up before 10 s.
 */
export const defaultSilenceMs = 5_000

/** 5 seconds, as the default of `probationMs`. */
export const defaultProbationMs = 5_000

/** A process that hangs, and why that is its end. */
export interface Hung {
  readonly pid: number
  readonly why: 'probation' | 'watchdog' | 'commit' | 'past'
  readonly silentMs: number
}

export interface HangWatchOptions {
  /**
   * `--watchdog`, in milliseconds: how long any process that serves may say nothing. Undefined: in its
   * probation only, for `silenceMs`. 0: for ever.
   */
  readonly watchdogMs: number | undefined
  readonly silenceMs: number
  /** How long a process that served stays able to take back, in milliseconds, if its own reports do not say. */
  readonly probationMs: number
}

/** What is known at one moment. */
export interface Moment {
  readonly registry: Registry
  /** The process that is on its way to serve. */
  readonly starting: number | undefined
  /** By `now` of clock.ts. */
  readonly now: number
  /** By pid, what old processes have reported of their probation. */
  readonly probations: ReadonlyMap<number, number>
}

/**
 * Finds the processes that hang where the service depends on them:
 * - a process that serves, in its probation: the process before it takes back;
 * - a process that serves, if there is a watchdog: it is started again;
 * - a new process after the commit, before it serves: the old one takes back;
 * - a process that has served, while none serves: it does not take back, and nobody else can
 *   listen at its rendezvous socket.
 */
export function findHung(
  signs: Pick<SignsOfLife, 'silentMs'>,
  { watchdogMs, silenceMs, probationMs }: HangWatchOptions,
  { registry, starting, now, probations }: Moment,
): Hung[] {
  const { processes, serving } = registry
  const found: Hung[] = []
  const judge = (pid: number, why: Hung['why'], limitMs: number): void => {
    const silentMs = signs.silentMs(pid)
    if (silentMs !== undefined && limitMs > 0 && silentMs >= limitMs) {
      found.push({ pid, why, silentMs })
    }
  }
  const record = serving === undefined ? undefined : processes.get(serving)
  if (record !== undefined) {
    const { pid, stage, servingSince } = record
    const [old] = draining(registry)
    const lastsMs = old === undefined ? 0 : (probations.get(old.pid) ?? probationMs)
    const silentSince = now - (signs.silentMs(pid) ?? 0)
    if (stage === 'drain') {
      // It has committed to the process that is starting, which has not said so yet.
      if (starting !== undefined) judge(starting, 'commit', watchdogMs ?? silenceMs)
    } else if (old !== undefined && silentSince <= servingSince + lastsMs) {
      judge(pid, 'probation', watchdogMs ?? silenceMs)
    } else {
      judge(pid, 'watchdog', watchdogMs ?? 0)
    }
  } else if (registry.left === undefined) {
    for (const { pid, servingSince } of processes.values()) {
      if (servingSince > 0) judge(pid, 'past', defaultSilenceMs)
    }
  }
  return found
}

/**
 * Whether a debugger or tracer of the system (gdb, strace) holds a process.
 *
 * @see proc_pid_status(5): TracerPid
 */
export function isTraced(pid: number): boolean {
  try {
    return /^TracerPid:\s+[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // No /proc, or it has gone.
    return false
  }
}
