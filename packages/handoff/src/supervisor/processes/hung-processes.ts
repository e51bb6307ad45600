// Finds processes that hang and keep the service from going on.

import { readFileSync } from 'node:fs'
import { draining, type Registry } from '../registry/registry.ts'
import type { SilenceClock } from './silence-clock.ts'

/**
 * How long a process may report nothing while the service waits for it, in milliseconds. It reports each
 * second. An event loop that blocks for 3 s and a whole interval make 4 s; one more second is for a busy
 * machine. Clients wait as long, and few of them time out before 10 s.
 */
export const defaultSilenceMs = 5_000

/** 5 seconds, as the default of `probationMs`. */
export const defaultProbationMs = 5_000

/** A process that hangs, and why it is killed. */
export interface HungProcess {
  readonly pid: number
  readonly why: 'probation' | 'watchdog' | 'commit' | 'past'
  readonly silentMs: number
}

export interface SilenceLimits {
  /**
   * `--watchdog`, in milliseconds: how long a process that serves may report nothing. Undefined: `silenceMs`,
   * and in its probation only. 0: no limit.
   */
  readonly watchdogMs: number | undefined
  readonly silenceMs: number
  /** How long a process stays able to take back, in milliseconds, if its reports do not say. */
  readonly probationMs: number
}

/** The state at one moment. */
export interface Moment {
  readonly registry: Registry
  /** The process that is about to serve. */
  readonly starting: number | undefined
  /** By `now` of clock.ts. */
  readonly now: number
  /** By pid, until when old processes can take back as they report, by the same clock. */
  readonly probations: ReadonlyMap<number, number>
}

/**
 * Finds the processes that hang and on which the service depends:
 * - a process that serves, in its probation or its ramp: the process before it takes back;
 * - a process that serves, if there is a watchdog: it is started again;
 * - a new process after the commit, before it serves: the old one takes back;
 * - a process that has served, while none serves: it does not take back, and no other process can
 *   listen at its rendezvous socket.
 */
export function findHung(
  clock: Pick<SilenceClock, 'silentMs'>,
  { watchdogMs, silenceMs, probationMs }: SilenceLimits,
  { registry, starting, now, probations }: Moment,
): HungProcess[] {
  const { processes, serving } = registry
  const found: HungProcess[] = []
  const judge = (pid: number, why: HungProcess['why'], limitMs: number): void => {
    const silentMs = clock.silentMs(pid)
    if (silentMs !== undefined && limitMs > 0 && silentMs >= limitMs) {
      found.push({ pid, why, silentMs })
    }
  }
  const record = serving === undefined ? undefined : processes.get(serving)
  if (record !== undefined) {
    const { pid, stage, servingSince } = record
    const [old] = draining(registry)
    const takesBackUntil = probations.get(old?.pid ?? 0) ?? servingSince + probationMs
    const silentSince = now - (clock.silentMs(pid) ?? 0)
    if (stage === 'ramp' || stage === 'drain') {
      // It has committed to the process that is starting, which has not reported that yet.
      if (starting !== undefined) judge(starting, 'commit', watchdogMs ?? silenceMs)
    } else if (old?.stage === 'ramp' || (old && silentSince <= takesBackUntil)) {
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
 * Returns whether a debugger or tracer of the system (gdb, strace) holds a process.
 *
 * @see proc_pid_status(5): TracerPid
 */
export function isTraced(pid: number): boolean {
  try {
    return /^TracerPid:\s+[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // No /proc, or the process has ended.
    return false
  }
}
