// Ends the processes of one worker that hang, so that the others can go on.

import {
  defaultProbationMs,
  defaultSilenceMs,
  findHung,
  type HangWatchOptions,
  isTraced,
} from '../../processes/hang-watch.ts'
import { SignsOfLife, tickMs } from '../../processes/signs-of-life.ts'
import type { Timeouts } from '../../program/environment.ts'
import { now } from '../../registry/clock.ts'
import type { Report } from '../../registry/event.ts'
import type { ProcessRecord, Registry } from '../../registry/registry.ts'
import * as say from '../../text/announce.ts'
import { DrainDeadlines } from './drain-deadlines.ts'

/** How many processes that were killed are remembered after their end. */
const remembered = 16

export interface HangGuardOptions {
  readonly timeouts: Timeouts
  registry(): Registry
  /** The process that is on its way to serve. */
  starting(): number | undefined
  /** Whether reports can get here, and could since the last time: else silence says nothing. */
  canHear(): boolean
  kill(pid: number): void
  announce(line: say.Line): void
}

export class HangGuard {
  readonly #options: HangGuardOptions
  readonly #limits: HangWatchOptions
  readonly #signs = new SignsOfLife()
  readonly #drains: DrainDeadlines
  readonly #probations = new Map<number, number>()
  /** What the processes had done that are being killed, as words about them. */
  readonly #killed = new Map<number, string>()
  /** The same of the last ones that have gone. */
  readonly #gone = new Map<number, string>()
  readonly #timer: NodeJS.Timeout

  constructor(options: HangGuardOptions) {
    const { watchdogMs, drainTimeoutMs } = options.timeouts
    const { probationMs = defaultProbationMs, silenceMs = defaultSilenceMs } = options.timeouts
    this.#options = options
    this.#limits = { probationMs, watchdogMs, silenceMs }
    this.#drains = new DrainDeadlines({
      drainTimeoutMs,
      probationMs,
      reports: (pid) => this.#signs.reports(pid),
      onExpired: (record, ms) => this.#expired(record, ms),
    })
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#timer.unref()
  }

  /** Whether the event loop of a process has turned since it began to serve, as far as is known. */
  hasTurned(pid: number): boolean {
    return this.#signs.hasTurned(pid)
  }

  /** How long a process has said nothing, in milliseconds; undefined if it need not report. */
  silentMs(pid: number): number | undefined {
    return this.#signs.silentMs(pid)
  }

  /** Why a process was killed here, as words about it; undefined if it was not. */
  reasonOf(pid: number): string | undefined {
    return this.#killed.get(pid) ?? this.#gone.get(pid)
  }

  /** Takes note of what a process reports, after the registry has. */
  heard(pid: number, report: Report): void {
    const { extendMs, probationMs } = report
    this.#signs.heard(pid, report)
    this.#drains.follow(this.#options.registry())
    if (extendMs !== undefined) this.#drains.extend(pid, extendMs)
    if (probationMs !== undefined) this.#probations.set(pid, probationMs)
  }

  /** A process has gone, and has left the registry. */
  gone(pid: number): void {
    this.#signs.gone(pid)
    this.#probations.delete(pid)
    const reason = this.#killed.get(pid)
    this.#killed.delete(pid)
    this.#gone.delete(pid)
    if (reason !== undefined) this.#gone.set(pid, reason)
    const [oldest] = this.#gone.keys()
    if (this.#gone.size > remembered && oldest !== undefined) this.#gone.delete(oldest)
    this.#drains.follow(this.#options.registry())
  }

  /** Kills those that were to take back, and have not for so long. */
  killLate(records: readonly ProcessRecord[], ms: number): void {
    for (const record of records) this.#kill(record, say.takeBackReason(ms))
  }

  /** The run stops, which has a deadline of its own. */
  close(): void {
    clearInterval(this.#timer)
    this.#drains.close()
  }

  #tick(): void {
    this.#signs.tick()
    if (!this.#options.canHear()) return this.#signs.excuseAll()
    const { registry, starting } = this.#options
    const moment = {
      registry: registry(),
      starting: starting(),
      now: now(),
      probations: this.#probations,
    }
    for (const hung of findHung(this.#signs, this.#limits, moment)) {
      const record = moment.registry.processes.get(hung.pid)
      if (record === undefined) continue
      if (isTraced(hung.pid)) this.#signs.excuse(hung.pid)
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
