// Kills the processes of one worker that hang, so that the others can serve.

import {
  defaultProbationMs,
  defaultSilenceMs,
  findHung,
  isTraced,
  type SilenceLimits,
} from '../../processes/hung-processes.ts'
import { SilenceClock, tickMs } from '../../processes/silence-clock.ts'
import type { Timeouts } from '../../program/environment.ts'
import { now } from '../../registry/clock.ts'
import type { Report } from '../../registry/process-report.ts'
import type { ProcessRecord, Registry } from '../../registry/registry.ts'
import * as say from '../../text/announcements.ts'
import { DrainDeadlines } from './drain-deadlines.ts'

/** For how many processes the reason is kept after their end. */
const remembered = 16

export interface HangGuardOptions {
  readonly timeouts: Timeouts
  registry(): Registry
  /** The process that is about to serve. */
  starting(): number | undefined
  /** Whether reports could get here since the last time. If not, silence says nothing. */
  canReceive(): boolean
  kill(pid: number): void
  announce(line: say.Announcement): void
}

export class HangGuard {
  readonly #options: HangGuardOptions
  readonly #limits: SilenceLimits
  readonly #silence = new SilenceClock()
  readonly #drains: DrainDeadlines
  /** By pid, until when old processes can take back, by `now` of clock.ts. */
  readonly #probations = new Map<number, number>()
  /** By pid, why processes are killed, such as `sent no report for 5 s`. */
  readonly #killed = new Map<number, string>()
  /** The same for the last processes that have ended. */
  readonly #ended = new Map<number, string>()
  readonly #timer: NodeJS.Timeout

  constructor(options: HangGuardOptions) {
    const { watchdogMs, drainTimeoutMs } = options.timeouts
    const { probationMs = defaultProbationMs, silenceMs = defaultSilenceMs } = options.timeouts
    this.#options = options
    this.#limits = { probationMs, watchdogMs, silenceMs }
    this.#drains = new DrainDeadlines({
      drainTimeoutMs,
      probationMs,
      reports: (pid) => this.#silence.reports(pid),
      onExpired: (record, ms) => this.#expired(record, ms),
    })
    this.#timer = setInterval(() => this.#check(), tickMs)
    this.#timer.unref()
  }

  /** Whether the event loop of a process has run since it began to serve, as far as is known. */
  isProvenAlive(pid: number): boolean {
    return this.#silence.isProvenAlive(pid)
  }

  /** How long a process has reported nothing, in milliseconds; undefined if it need not report. */
  silentMs(pid: number): number | undefined {
    return this.#silence.silentMs(pid)
  }

  /** Why a process was killed here, such as `sent no report for 5 s`; undefined if it was not. */
  killReason(pid: number): string | undefined {
    return this.#killed.get(pid) ?? this.#ended.get(pid)
  }

  /** Takes note of a report of a process. The registry knows it already. */
  onReport(pid: number, report: Report): void {
    const { extendMs, probationMs } = report
    this.#silence.onReport(pid, report)
    this.#drains.update(this.#options.registry())
    if (extendMs !== undefined) this.#drains.extend(pid, extendMs)
    if (probationMs !== undefined) this.#probations.set(pid, now() + probationMs)
  }

  /** A process has ended. The registry has it no more. */
  onExit(pid: number): void {
    this.#silence.onExit(pid)
    this.#probations.delete(pid)
    const reason = this.#killed.get(pid)
    this.#killed.delete(pid)
    this.#ended.delete(pid)
    if (reason !== undefined) this.#ended.set(pid, reason)
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > remembered && oldest !== undefined) this.#ended.delete(oldest)
    this.#drains.update(this.#options.registry())
  }

  /** Kills processes that should have taken back within so many milliseconds. */
  killLate(records: readonly ProcessRecord[], ms: number): void {
    for (const record of records) this.#kill(record, say.takeBackReason(ms))
  }

  /** Stops watching: a stop has a deadline of its own. */
  close(): void {
    clearInterval(this.#timer)
    this.#drains.close()
  }

  #check(): void {
    this.#silence.tick()
    if (!this.#options.canReceive()) return this.#silence.resetAll()
    const { registry, starting } = this.#options
    const moment = {
      registry: registry(),
      starting: starting(),
      now: now(),
      probations: this.#probations,
    }
    for (const hung of findHung(this.#silence, this.#limits, moment)) {
      const record = moment.registry.processes.get(hung.pid)
      if (record === undefined) continue
      if (isTraced(hung.pid)) this.#silence.reset(hung.pid)
      else this.#kill(record, say.silenceReason(hung.why, hung.silentMs))
    }
  }

  #expired(record: ProcessRecord, ms: number): void {
    if (isTraced(record.pid)) this.#drains.extend(record.pid, ms)
    else this.#kill(record, say.drainReason(record, ms))
  }

  #kill(record: ProcessRecord, reason: string): void {
    const { pid } = record
    if (this.#killed.has(pid)) return
    this.#killed.set(pid, reason)
    this.#options.announce(say.killedHung(record, reason))
    this.#options.kill(pid)
  }
}
