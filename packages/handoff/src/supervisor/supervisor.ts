// Keeps one server serving: starts it, replaces it, starts it again after a crash, stops it.

import { deferred } from '../deferred.ts'
import type { HandoffEvent } from '../diagnostics.ts'
import { HandoffError, type Serving } from '../errors.ts'
import type { Named } from '../io/activation.ts'
import type { RunDirectory } from '../io/run-directory.ts'
import { closeAll } from '../io/wire.ts'
import * as say from './announce.ts'
import type { Failed, Failure, Outcome, Served } from './attempt.ts'
import type { Timeouts } from './environment.ts'
import type { Report } from './event.ts'
import { type End, Generations } from './generations.ts'
import { LastWords } from './last-words.ts'
import { Launcher } from './launcher.ts'
import { ListenerStore } from './listener-store.ts'
import { describeProgram, type Program, type ProgramChange, Programs } from './program.ts'
import { Recovery } from './recovery.ts'
import { draining, type ProcessRecord } from './registry.ts'
import type { Service } from './service.ts'
import { sideOf } from './side.ts'
import { type Status, statusOf } from './status.ts'
import { Stopping } from './stopping.ts'

export interface SupervisorOptions {
  readonly name: string
  readonly program: Program
  readonly directory: RunDirectory
  readonly timeouts: Timeouts
  /** Whether to wait for a reload when the very first start fails; else the run ends with 1. */
  readonly patient: boolean
  /** Listeners that the supervisor was started with, by socket activation. */
  readonly inherited: readonly Named[]
  readonly service: Service
  announce(line: say.Line): void
}

/** Follows what the processes do, for as long as it is subscribed. */
export interface Observer {
  heard?(pid: number, event: HandoffEvent): void
  gone?(pid: number): void
}

/** How a start ended, and who serves. */
export type LaunchResult =
  | {
      readonly ok: true
      readonly pid: number
      readonly generation: number
      /** The pid of the old process. */
      readonly replaces: number | undefined
    }
  | { readonly ok: false; readonly failure: Failure; readonly serving: Serving }

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #generations: Generations
  readonly #launcher: Launcher
  readonly #programs: Programs
  readonly #recovery: Recovery
  readonly #store: ListenerStore
  readonly #observers = new Set<Observer>()
  readonly #ended = deferred<number>()
  readonly #words = new LastWords()
  #stopping: Stopping | undefined
  #hasServed = false
  /** Why to start once more when the start under way has ended. */
  #again: string | undefined

  constructor(options: SupervisorOptions) {
    const { program, directory, timeouts } = options
    this.#options = options
    this.#store = new ListenerStore(options.inherited)
    this.#programs = new Programs(program)
    this.#generations = new Generations(directory, {
      onReport: (pid, report, descriptors) => this.#heard(pid, report, descriptors),
      onGone: (end) => this.#gone(end),
      onError: (error) => options.announce(say.trouble(error)),
    })
    this.#launcher = new Launcher({
      readyTimeoutMs: timeouts.readyTimeoutMs,
      spawn: async (program) => {
        // The kept listeners also where one serves that can hand over: it may die before it has.
        const kept = this.#store.all
        const pid = await this.#generations.spawn(program, directory, timeouts, kept)
        this.#programs.started(pid, program)
        return pid
      },
      kill: (pid) => this.#generations.signal(pid, 'SIGKILL'),
    })
    this.#recovery = new Recovery({
      restart: () => void this.reload(),
      finish: () => this.#finish(0, say.endedByItself()),
      onPause: (delayMs, why) => {
        options.announce(say.pause(delayMs, this.#store.all.length > 0, why))
      },
    })
  }

  /** Settles with the exit code of the run, once every process has gone. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  get name(): string {
    return this.#options.name
  }

  /** The process that serves. */
  get serving(): ProcessRecord | undefined {
    const { processes, serving } = this.#generations.registry
    return serving === undefined ? undefined : processes.get(serving)
  }

  status(): Status {
    this.#generations.check()
    return statusOf(this.#generations.registry, {
      name: this.name,
      pid: process.pid,
      now: performance.now(),
      date: Date.now(),
      backoff: this.#recovery.backoff,
      program: describeProgram(this.#programs.inForce),
    })
  }

  /** Whether there still is a process with this pid. */
  has(pid: number): boolean {
    return this.#generations.registry.processes.has(pid)
  }

  observe(observer: Observer): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  /**
   * Starts a new process, which takes over from the one that serves, if any.
   *
   * @param change - what to start instead; it is in force from the moment at which it serves.
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while another one is on its way;
   * ERR_HANDOFF_STOPPING.
   */
  reload(change: ProgramChange = {}): Promise<LaunchResult> {
    if (this.#stopping !== undefined) throw this.#isStopping()
    const launch = this.#launcher.launch({ ...this.#programs.inForce, ...change })
    this.#recovery.cancel()
    if (this.serving !== undefined) this.#options.service.reloading()
    const began = performance.now()
    return launch.then((outcome) => this.#launched(outcome, performance.now() - began))
  }

  /** Reloads now, or once more after the start under way: what that one has loaded may be stale. */
  reloadSoon(why: string): void {
    if (this.#stopping !== undefined) return
    const { announce } = this.#options
    if (this.#launcher.busy) {
      this.#again = why
      announce(say.again(why))
    } else {
      announce(say.begins(why))
      void this.reload()
    }
  }

  /** Lets every process drain and exit; {@link ended} tells when they have gone. */
  stop(): void {
    this.#finish(0, say.stopping(this.#generations.registry.processes.size))
  }

  /** Kills every process; the run ends with `code`. */
  kill(code: number): void {
    this.stop()
    this.#stopping?.force(code)
  }

  close(): void {
    this.#store.close()
    this.#generations.close()
  }

  #launched(outcome: Outcome, ms: number): LaunchResult {
    const result = outcome.ok ? this.#succeeded(outcome, ms) : this.#failed(outcome)
    if (this.serving !== undefined) this.#options.service.ready()
    const again = this.#again
    this.#again = undefined
    this.#settle()
    if (again !== undefined) this.reloadSoon(again)
    return result
  }

  #succeeded({ pid, generation, listeners, replaces }: Served, ms: number): LaunchResult {
    this.#hasServed = true
    this.#options.announce(say.serves({ pid, generation, listeners }, replaces?.generation, ms))
    return { ok: true, pid, generation, replaces: replaces?.pid }
  }

  #failed({ failure, ...outcome }: Failed): LaunchResult {
    const old = this.serving
    const serving = old === undefined ? (outcome.serving ?? 'none') : 'old'
    if (this.#stopping !== undefined) {
      const { code, message } = this.#isStopping()
      return { ok: false, failure: { code, message }, serving }
    }
    if (serving === 'old') this.#aborted(failure)
    this.#options.announce(say.failed(failure, serving, old))
    const why = failure.message
    if (this.#hasServed) this.#recovery.lost({ exit: undefined, servedMs: 0, why })
    // Nothing of ours is left; a server of an earlier supervisor may well be.
    else if (!this.#options.patient) this.#ended.resolve(1)
    return { ok: false, failure, serving }
  }

  #isStopping(): HandoffError {
    return new HandoffError('ERR_HANDOFF_STOPPING', `cannot reload ${this.name}: it is stopping`)
  }

  #aborted(failure: Failure): void {
    this.#generations.change({ type: 'aborted', ...failure, at: performance.now() })
  }

  #heard(pid: number, report: Report, descriptors: readonly number[]): void {
    const { event, extendMs } = report
    this.#keep(pid, report, descriptors)
    this.#words.heard(pid, report)
    this.#stopping?.tell(pid)
    if (extendMs !== undefined) this.#stopping?.extend(extendMs)
    this.#launcher.heard(pid, report)
    if (event === undefined) return
    const { serving } = this.#generations.registry
    if (serving !== undefined) this.#programs.serves(serving)
    for (const observer of this.#observers) observer.heard?.(pid, event)
    this.#follow(pid, event)
    this.#settle()
  }

  /** The listeners of the process that serves, in case it dies. */
  #keep(pid: number, report: Report, descriptors: readonly number[]): void {
    if (pid !== this.#generations.registry.serving) return closeAll(descriptors)
    try {
      this.#store.heard(report, descriptors)
    } catch (error) {
      this.#options.announce(say.trouble(error))
    }
  }

  #follow(pid: number, event: HandoffEvent): void {
    const record = this.#generations.registry.processes.get(pid)
    if (record === undefined) return
    const { announce } = this.#options
    if (event.type === 'drained') announce(say.drained(record, event))
    if (event.type === 'taken-back') announce(say.takenBack(record, event.message))
    // A handoff that the server began by itself: no start of ours tells how it ended.
    if (this.#generations.hasSpawned(pid)) return
    if (event.type === 'serving') {
      announce(say.serves(record, event.replaces?.generation, event.elapsedMs))
    }
    if (event.type === 'aborted' && sideOf(event.stage) === 'new') {
      const { code, message } = event
      this.#aborted({ code, message })
      announce(say.failed({ code, message }, 'old', this.serving))
    }
  }

  #gone({ record, wasServing, exit }: End): void {
    const { pid, servingSince } = record
    this.#programs.gone(pid)
    const servedMs = servingSince === 0 ? 0 : performance.now() - servingSince
    const line = say.ended(record, exit, this.#words.take(pid))
    if (wasServing) this.#recovery.lost({ exit, servedMs, why: line.text })
    const expected = this.#stopping !== undefined || (!wasServing && exit?.code === 0)
    if (servingSince > 0 && !expected) this.#options.announce(line)
    this.#launcher.exited(pid, exit ?? { code: null, signal: null })
    for (const observer of this.#observers) observer.gone?.(pid)
    this.#settle()
  }

  #settle(): void {
    if (this.#launcher.busy) return
    const { registry } = this.#generations
    if (this.#stopping === undefined) {
      const mayTakeBack = draining(registry).length > 0
      this.#recovery.settle({ serves: registry.serving !== undefined, mayTakeBack })
    } else if (registry.processes.size === 0) {
      this.#stopping.close()
      this.#ended.resolve(this.#stopping.code)
    }
  }

  #finish(code: number, line: say.Line): void {
    if (this.#stopping !== undefined) return
    this.#options.announce(line)
    this.#options.service.stopping()
    this.#recovery.cancel()
    this.#store.close()
    this.#stopping = new Stopping(this.#generations, {
      code,
      drainTimeoutMs: this.#options.timeouts.drainTimeoutMs,
      onDeadline: () => this.#options.announce(say.stopDeadline()),
    })
    this.#settle()
  }
}
