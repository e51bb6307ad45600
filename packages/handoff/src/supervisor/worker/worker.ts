// One worker of a run: starts its process, replaces it, starts it again after a crash, stops it.

import { EventEmitter } from 'node:events'
import { closeAll } from '../../io/channel/wire.ts'
import { restoreKept } from '../../io/listeners/kept-paths.ts'
import { deferred } from '../../terms/deferred.ts'
import { Generations, type ProcessEnd } from '../processes/generations.ts'
import { Standby } from '../processes/standby.ts'
import { now } from '../registry/clock.ts'
import type { Report } from '../registry/process-report.ts'
import { draining, type ProcessName, type ProcessRecord } from '../registry/registry.ts'
import type { NotServed, Served, StartResult } from '../registry/start-result.ts'
import * as say from '../text/announcements.ts'
import { Recovery } from './recovery.ts'
import { awaitRendezvous } from './rendezvous-renewal.ts'
import type { StartRequest } from './start/start-options.ts'
import { Starter } from './start/starter.ts'
import { HangGuard } from './stop/hang-guard.ts'
import { stoppingError, WorkerStop } from './stop/worker-stop.ts'
import { WorkerAnnouncer } from './worker-announcer.ts'
import type { WorkerEvents } from './worker-events.ts'
import { WorkerMemory } from './worker-memory.ts'
import type { WorkerOptions } from './worker-options.ts'
import { type WorkerParts, WorkerView } from './worker-view.ts'

export class Worker extends WorkerView {
  readonly events: Pick<EventEmitter<WorkerEvents>, 'on' | 'off'>
  protected readonly parts: WorkerParts
  readonly #emitter = new EventEmitter<WorkerEvents>().setMaxListeners(0)
  readonly #options: WorkerOptions
  readonly #generations: Generations
  readonly #starter: Starter
  readonly #memory: WorkerMemory
  readonly #recovery: Recovery
  readonly #guard: HangGuard
  readonly #stop: WorkerStop
  readonly #announcer: WorkerAnnouncer
  readonly #ended = deferred<number>()

  constructor(options: WorkerOptions) {
    const { directory, timeouts, resumed } = options
    super(options.number)
    this.events = this.#emitter
    this.#options = options
    this.#memory = new WorkerMemory(options)
    const handlers = {
      onReport: (pid: number, report: Report, descriptors: readonly number[]) =>
        this.#onReport(pid, report, descriptors),
      onExit: (end: ProcessEnd) => this.#onExit(end),
      onChildrenEnded: () => this.#onChildrenEnded(),
      onError: (error: Error) => options.announce(say.trouble(error)),
    }
    const { aheadMs } = options
    const standby =
      aheadMs === undefined
        ? undefined
        : new Standby(directory, timeouts, aheadMs, handlers.onChildrenEnded)
    this.#generations = new Generations(directory, handlers, { resumed, standby })
    this.#stop = new WorkerStop(this.#generations, options, (code) => this.#ended.resolve(code))
    this.#announcer = new WorkerAnnouncer(
      this.#generations,
      (line) => options.announce(line),
      () => this.#stop.hasBegun,
    )
    this.#starter = new Starter(options, {
      generations: this.#generations,
      store: this.#memory.store,
      prepare: () => this.#prepareStart(),
      mayRetry: () => !this.hasServed && !this.#stop.hasBegun,
      onSpawned: (pid, program) => this.#memory.programs.onSpawned(pid, program),
    })
    this.#recovery = new Recovery({
      restart: () => void this.start(),
      mayFinish: () => options.isAlone(),
      finish: () => this.#onFinished(),
      onNoTakeBack: (ms) => this.#guard.killLate(draining(this.#generations.registry), ms),
      onPause: (delayMs, why) => {
        options.announce(say.pause(delayMs, this.#memory.store.all.length > 0, why))
      },
    })
    this.#guard = new HangGuard({
      timeouts,
      registry: () => this.#generations.registry,
      starting: () => this.#starter.pid,
      canReceive: () => this.#canReceive(),
      kill: (pid) => this.#killHung(pid),
      announce: (line) => options.announce(line),
    })
    this.parts = {
      rendezvous: directory.rendezvous,
      generations: this.#generations,
      starter: this.#starter,
      recovery: this.#recovery,
      guard: this.#guard,
      memory: this.#memory,
      stop: this.#stop,
    }
  }

  /** Resolves with the exit code of the run when every process has ended. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** Kills a generation immediately. */
  killProcess({ pid }: ProcessRecord): void {
    this.#generations.signal(pid, 'SIGKILL')
  }

  /**
   * Starts a new process, which takes over from the process that serves, if any. Resolves when the new
   * process serves or has ended.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while another start is under way;
   * ERR_HANDOFF_STOPPING.
   */
  start({ program = this.program, ...request }: StartRequest = {}): Promise<StartResult> {
    if (this.#stop.hasBegun) throw stoppingError(this.#options.name)
    const start = this.#starter.start({ ...request, program })
    this.#memory.place = 'held'
    this.#recovery.cancel()
    const began = now()
    return start.then((result) => this.#onStarted(result, now() - began))
  }

  /** The worker is about to hand over to another one: whether its end is a crash is not known yet. */
  beginLeaving(): void {
    if (this.#memory.place === 'held') this.#memory.place = 'leaving'
  }

  /**
   * Another worker accepts from the listeners of this one now.
   *
   * @returns false if it does no more: the report that this worker has taken back came first.
   */
  finishLeaving(from: ProcessName, to: ProcessName): boolean {
    if (this.#memory.place !== 'leaving') return false
    this.#generations.leave(from, to)
    this.#memory.place = 'left'
    this.#recovery.cancel()
    this.#memory.store.clear()
    return true
  }

  /** The worker has not handed over, and serves on. */
  cancelLeaving(): void {
    if (this.#memory.place !== 'leaving') return
    this.#memory.place = 'held'
    this.#onChange()
  }

  /** Asks every process to drain and exit. {@link ended} resolves when they have ended. */
  stop(): void {
    if (this.#stop.hasBegun) return
    this.#recovery.cancel()
    this.#guard.close()
    this.#starter.stop()
    this.#generations.standby?.close()
    this.#memory.store.close()
    this.#generations.findSilentHolders()
    this.#stop.begin()
    this.#onChange()
  }

  /** How long its processes may still take to stop, in milliseconds; 0 before a stop. */
  get stopLeftMs(): number {
    return this.#stop.leftMs
  }

  /** Kills every process. The run ends with `code`. */
  kill(code: number): void {
    this.stop()
    this.#stop.kill(code)
  }

  close(): void {
    this.#recovery.cancel()
    this.#guard.close()
    this.#memory.store.close()
    this.#generations.close()
  }

  async #prepareStart(): Promise<void> {
    this.#canReceive()
    if (this.#options.files.wereRenewed) await awaitRendezvous(this)
  }

  /** Whether reports could get here since the last time. If not, the sockets are made anew. */
  #canReceive(): boolean {
    return this.#options.files.check(() => this.#generations.renewReportSocket())
  }

  #onStarted(result: StartResult, ms: number): StartResult {
    if (!this.#stop.hasBegun) this.#generations.standby?.prepare(this.program)
    if (result.ok) this.#onServed(result, ms)
    const final = result.ok ? result : this.#onNotServed(result)
    this.#onChange()
    this.#options.onStarted()
    return final
  }

  #onServed({ ok: _, ...served }: Served, ms: number): void {
    this.#memory.hasServed = true
    this.#options.announce(say.event({ ...served, type: 'serving', elapsedMs: ms }))
  }

  #onNotServed({ failure, ...result }: NotServed): StartResult {
    const { announce, onFirstFailure } = this.#options
    if (this.stopping !== undefined) return { ...result, failure: this.stopping }
    const { serving } = result
    if (serving === 'old') {
      this.#generations.change({ type: 'aborted', ...failure, at: now() })
    }
    announce(say.failed(failure, serving, this.serving, this.silentMs))
    if (this.#memory.hasServed || onFirstFailure === 'retry') {
      this.#recovery.onLoss({ exit: undefined, servedMs: 0, why: failure.message })
    }
    // No process of this supervisor is left; a server of an earlier one may serve.
    else if (onFirstFailure === 'end') {
      this.#memory.hasFailed = true
      this.#onChildrenEnded()
    }
    return { ...result, failure }
  }

  #onReport(pid: number, report: Report, descriptors: readonly number[]): void {
    const { event } = report
    if (pid === this.#generations.registry.serving) this.#memory.keep(report, descriptors)
    else closeAll(descriptors)
    this.#announcer.onReport(pid, report)
    this.#stop.onReport(pid, report)
    this.#starter.onReport(pid, report)
    if (!this.#stop.hasBegun) this.#guard.onReport(pid, report)
    if (report.alive) this.#emitter.emit('alive', pid)
    if (event === undefined) return
    const { serving } = this.#generations.registry
    if (serving !== undefined) this.#memory.programs.onServing(serving)
    // It may have taken back from another worker.
    if (event.type === 'taken-back') this.#memory.place = 'held'
    this.#emitter.emit('event', pid, event)
    this.#announcer.onEvent(pid, event)
    this.#onChange()
  }

  #onExit({ record, wasServing, exit }: ProcessEnd): void {
    const { pid, servingSince } = record
    this.#memory.programs.onExit(pid)
    // The process may have removed the path of a listener as it ended.
    if (!this.#stop.hasBegun) restoreKept(this.#options.directory.path)
    const servedMs = servingSince === 0 ? 0 : now() - servingSince
    const killReason = this.#guard.killReason(pid)
    const end = this.#announcer.exitText(record, exit)
    const line = killReason === undefined ? end : say.killedHung(record, killReason)
    if (wasServing) this.#recovery.onLoss({ exit, servedMs, why: line.text })
    // That the supervisor kills a process is announced before.
    const isExpected =
      this.#stop.hasBegun || killReason !== undefined || (!wasServing && exit?.code === 0)
    if (servingSince > 0 && !isExpected) this.#options.announce(line)
    this.#guard.onExit(pid)
    this.#starter.onExit(pid, exit)
    this.#emitter.emit('exit', pid)
    this.#onChange()
  }

  /** Decides what follows from the state of the processes. */
  #onChange(): void {
    if (this.#starter.busy) return
    const { registry } = this.#generations
    if (!this.#stop.hasBegun) {
      if (this.#memory.place !== 'held') return
      const mayTakeBack = draining(registry).length > 0
      this.#recovery.update({ serves: registry.serving !== undefined, mayTakeBack })
    } else if (registry.processes.size === 0 && !this.#generations.hasChildrenLeft) {
      this.#stop.end()
      this.#ended.resolve(this.#stop.code)
    }
  }

  /** The run does not end before the children of its processes. */
  #onChildrenEnded(): void {
    if (this.#generations.hasChildrenLeft) return
    if (this.#memory.hasFailed) this.#ended.resolve(1)
    this.#onChange()
  }

  #killHung(pid: number): void {
    this.#starter.onHung(pid, this.killReason(pid) ?? '')
    this.#generations.signal(pid, 'SIGKILL')
  }

  #onFinished(): void {
    this.#options.announce(say.endedByItself())
    this.stop()
    this.#options.onFinished()
  }
}
