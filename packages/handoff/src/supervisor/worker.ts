// One place of a run, at which one process serves at a time: starts it, replaces it, starts it again
// after a crash, stops it.

import { deferred } from '../deferred.ts'
import { HandoffError } from '../errors.ts'
import type { Named } from '../io/activation.ts'
import { restoreKept } from '../io/unix-path.ts'
import { closeAll } from '../io/wire.ts'
import * as say from './announce.ts'
import {
  defaultReadyTimeoutMs,
  type Failed,
  type Failure,
  marginMs,
  type Outcome,
  type Served,
} from './attempt.ts'
import { now } from './clock.ts'
import type { Report } from './event.ts'
import { surplusGenerations } from './generation-limit.ts'
import { type End, Generations } from './generations.ts'
import { HangGuard } from './hang-guard.ts'
import { Launcher } from './launcher.ts'
import { ListenerStore } from './listener-store.ts'
import { Narrator } from './narrator.ts'
import { type Program, Programs } from './program.ts'
import { Recovery } from './recovery.ts'
import { draining, type ProcessName, type ProcessRecord, type Registry } from './registry.ts'
import type { WorkerSnapshot } from './snapshot.ts'
import { type StartRequest, startWorker } from './start-worker.ts'
import type { Status } from './status.ts'
import { Stopping } from './stopping.ts'
import { Turn } from './turn.ts'
import type { LaunchRequest, LaunchResult, Observer, WorkerOptions } from './worker-options.ts'

export class Worker {
  readonly number: number
  readonly #options: WorkerOptions
  readonly #generations: Generations
  readonly #launcher: Launcher
  readonly #programs: Programs
  readonly #recovery: Recovery
  readonly #guard: HangGuard
  readonly #turn = new Turn()
  /** Whether the last start ended since the process at the rendezvous socket did not answer. */
  #isUnanswered = false
  readonly #store: ListenerStore
  readonly #observers = new Set<Observer>()
  readonly #ended = deferred<number>()
  readonly #narrator: Narrator
  #stopping: Stopping | undefined
  #hasServed = false
  /** Whether the very first start has failed, and ends the run. */
  #hasFailed = false
  /** Whether it has a place, is about to hand over to another worker, or has done so. */
  #place: 'held' | 'leaving' | 'left' = 'held'

  constructor(options: WorkerOptions) {
    const { number, program, directory, timeouts, resumed } = options
    this.number = number
    this.#options = options
    this.#store = new ListenerStore(options.inherited)
    this.#programs = new Programs(resumed?.inForce ?? program)
    const handlers = {
      onReport: (pid: number, report: Report, descriptors: readonly number[]) =>
        this.#heard(pid, report, descriptors),
      onGone: (end: End) => this.#gone(end),
      onRemainsEnded: () => this.#remainsEnded(),
      onError: (error: Error) => options.announce(say.trouble(error)),
    }
    this.#generations = new Generations(directory, handlers, resumed)
    this.#narrator = new Narrator(
      this.#generations,
      (line) => options.announce(line),
      () => this.#stopping !== undefined,
    )
    this.#launcher = new Launcher({
      readyTimeoutMs: timeouts.readyTimeoutMs,
      spawn: (program, joins, drop) => this.#spawn({ program, joins, drop }),
      kill: (pid) => this.#generations.signal(pid, 'SIGKILL'),
      mayRetry: (failure) => this.#mayRetry(failure),
    })
    this.#recovery = new Recovery({
      restart: () => void this.launch(),
      mayFinish: () => options.isAlone(),
      finish: () => this.#endByItself(),
      onNoTakeBack: (ms) => this.#guard.killLate(draining(this.#generations.registry), ms),
      onPause: (delayMs, why) => {
        options.announce(say.pause(delayMs, this.#store.all.length > 0, why))
      },
    })
    this.#guard = new HangGuard({
      timeouts,
      registry: () => this.#generations.registry,
      starting: () => this.#launcher.pid,
      kill: (pid) => this.#kill(pid),
      announce: (line) => options.announce(line),
    })
    if (resumed !== undefined) this.#resume(resumed)
  }

  /** Settles with the exit code of the run, once every process has gone. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** The process that serves. */
  get serving(): ProcessRecord | undefined {
    return this.#generations.serving
  }

  /** Its processes, each of them alive. */
  get registry(): Registry {
    this.#generations.check()
    return this.#generations.registry
  }

  get backoff(): Status['backoff'] {
    return this.#recovery.backoff
  }

  /** What the next start starts. */
  get program(): Program {
    return this.#programs.inForce
  }

  /** Where other processes find the one that serves. */
  get rendezvous(): string {
    return this.#options.directory.rendezvous
  }

  /** Whether it has ever served, as far as this supervisor knows. */
  get hasServed(): boolean {
    return this.#hasServed
  }

  /** Whether it has handed over to another worker. */
  get hasLeft(): boolean {
    return this.#place === 'left'
  }

  /** Whether there is nothing that it could hand over. */
  get isUnused(): boolean {
    return this.#generations.registry.processes.size === 0 && !this.busy && this.kept.length === 0
  }

  /** The process that is on its way to serve. */
  get starting(): number | undefined {
    return this.#launcher.pid
  }

  /** Whether a start is on its way. */
  get busy(): boolean {
    return this.#launcher.busy
  }

  /** Resolves when no start is on its way. */
  idle(): Promise<void> {
    return this.#launcher.idle()
  }

  /** The listeners kept for a crash of the process that serves. */
  get kept(): readonly Named[] {
    return this.#store.stored
  }

  /** Resolves when all that the process that serves listens on is {@link kept}. */
  keepsAll(): Promise<void> {
    return this.#store.keeps(this.serving?.listeners ?? [])
  }

  /** Whether there still is a process with this pid. */
  has(pid: number): boolean {
    return this.#generations.registry.processes.has(pid)
  }

  /** How long the process that serves has said nothing, in milliseconds. */
  get silentMs(): number {
    const { serving } = this
    return serving === undefined ? 0 : (this.silentMsOf(serving.pid) ?? 0)
  }

  /** How long a process has said nothing, in milliseconds; undefined if it does not report. */
  silentMsOf(pid: number): number | undefined {
    return this.#guard.silentMs(pid)
  }

  /** Whether the event loop of a process has turned since it began to serve, as far as is known. */
  hasTurned(pid: number): boolean {
    return this.#guard.hasTurned(pid)
  }

  /** Why this supervisor has killed a process that hung, as words about it; undefined if it has not. */
  reasonOf(pid: number): string | undefined {
    return this.#guard.reasonOf(pid)
  }

  /** What the next release needs to know; nothing may be on its way. */
  snapshot(): WorkerSnapshot {
    return {
      ...this.#generations.snapshot(),
      number: this.number,
      hasServed: this.hasServed,
      hasLeft: this.hasLeft,
      stored: this.#store.stored,
      inForce: this.program,
      programs: this.#programs.all,
    }
  }

  /** The generations that have to end before one more is started, the oldest first. */
  surplus(most: number): ProcessRecord[] {
    return surplusGenerations(this.#generations.registry, most)
  }

  /** Ends a generation at once, whatever it does. */
  end({ pid }: ProcessRecord): void {
    this.#generations.signal(pid, 'SIGKILL')
  }

  observe(observer: Observer): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  /**
   * Starts a new process, which takes over from the one that serves, if any.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while another one is on its way;
   * ERR_HANDOFF_STOPPING.
   */
  launch({ program = this.program, joins, drop }: LaunchRequest = {}): Promise<LaunchResult> {
    if (this.#stopping !== undefined) throw this.#isStopping()
    const launch = this.#launcher.launch(program, joins, drop)
    this.#place = 'held'
    this.#recovery.cancel()
    const began = now()
    return launch.then((outcome) => this.#launched(outcome, now() - began))
  }

  /** It is about to hand over to another worker: whether its end is a crash is not known yet. */
  leave(): void {
    if (this.#place === 'held') this.#place = 'leaving'
  }

  /**
   * Another worker accepts from its listeners now.
   *
   * @returns false where it does no more: the word that this one has taken back came first.
   */
  left(from: ProcessName, to: ProcessName): boolean {
    if (this.#place !== 'leaving') return false
    this.#generations.left(from, to)
    this.#place = 'left'
    this.#recovery.cancel()
    this.#store.clear()
    return true
  }

  /** It has not handed over, and serves on. */
  stay(): void {
    if (this.#place !== 'leaving') return
    this.#place = 'held'
    this.#settle()
  }

  /** Lets every process drain and exit; {@link ended} tells when they have gone. */
  stop(): void {
    this.#finish(0)
  }

  /** Kills every process; the run ends with `code`. */
  kill(code: number): void {
    this.stop()
    this.#stopping?.force(code)
  }

  close(): void {
    this.#recovery.cancel()
    this.#guard.close()
    this.#store.close()
    this.#generations.close()
  }

  #resume({ hasServed, hasLeft, stored, programs }: WorkerSnapshot): void {
    this.#hasServed = hasServed
    if (hasLeft) this.#place = 'left'
    for (const { name, fd } of stored) this.#store.put(name, fd)
    for (const [pid, program] of programs) this.#programs.started(pid, program)
  }

  /**
   * A process that an earlier supervisor has started may be taking over at this very moment: the first
   * start of this one waits for it.
   */
  async #mayRetry(failure: Failure): Promise<boolean> {
    const { timeouts, announce, onWaiting } = this.#options
    if (this.#hasServed || this.#stopping !== undefined) return false
    if (this.#isUnanswered && this.serving === undefined) {
      const pids = this.#generations.findSilentHolders()
      for (const pid of pids) {
        announce(say.endsSilentHolder(pid))
        this.#generations.signal(pid, 'SIGKILL')
      }
      return pids.length > 0
    }
    if (failure.code !== 'ERR_HANDOFF_BUSY') return false
    const ms = (timeouts.readyTimeoutMs ?? defaultReadyTimeoutMs) + marginMs
    if (!this.#turn.isWaiting) {
      announce(say.waitsForOther(failure, ms))
      onWaiting(ms)
    }
    return await this.#turn.wait(ms)
  }

  async #spawn(request: StartRequest): Promise<number> {
    this.#turn.begin()
    this.#isUnanswered = false
    const pid = await startWorker(this.#generations, this.#store, this.#options, request)
    this.#programs.started(pid, request.program)
    return pid
  }

  #launched(outcome: Outcome, ms: number): LaunchResult {
    const result = outcome.ok ? this.#succeeded(outcome, ms) : this.#failed(outcome)
    this.#settle()
    this.#options.onLaunched()
    return result
  }

  #succeeded({ pid, generation, listeners, replaces }: Served, ms: number): LaunchResult {
    this.#hasServed = true
    this.#options.announce(say.serves({ pid, generation, listeners }, replaces?.generation, ms))
    return { ok: true, pid, generation, replaces: replaces?.pid || undefined }
  }

  #failed({ failure, ...outcome }: Failed): LaunchResult {
    const old = this.serving
    const serving = old === undefined ? (outcome.serving ?? 'none') : 'old'
    if (this.#stopping !== undefined) {
      const { code, message } = this.#isStopping()
      return { ok: false, failure: { code, message }, serving }
    }
    if (serving === 'old') {
      this.#generations.change({ type: 'aborted', ...failure, at: now() })
    }
    this.#options.announce(say.failed(failure, serving, old, this.silentMs))
    const { onFirstFailure } = this.#options
    if (this.#hasServed || onFirstFailure === 'retry') {
      this.#recovery.lost({ exit: undefined, servedMs: 0, why: failure.message })
    }
    // Nothing of ours is left; a server of an earlier supervisor may well be.
    else if (onFirstFailure === 'end') {
      this.#hasFailed = true
      this.#remainsEnded()
    }
    return { ok: false, failure, serving }
  }

  #isStopping(): HandoffError {
    const { name } = this.#options
    return new HandoffError('ERR_HANDOFF_STOPPING', `cannot reload ${name}: it is stopping`)
  }

  #heard(pid: number, report: Report, descriptors: readonly number[]): void {
    const { event, extendMs } = report
    this.#keep(pid, report, descriptors)
    this.#narrator.listen(pid, report)
    this.#stopping?.tell(pid)
    if (extendMs !== undefined) this.#stopping?.extend(extendMs)
    this.#launcher.heard(pid, report)
    if (this.#stopping === undefined) this.#guard.heard(pid, report)
    if (report.alive) for (const observer of this.#observers) observer.turned?.(pid)
    if (event === undefined) return
    if (pid !== this.#launcher.pid) this.#turn.heard(event)
    else if (event.type === 'aborted') {
      this.#isUnanswered = event.stage === 'discover' && event.code === 'ERR_HANDOFF_TIMEOUT'
    }
    const { serving } = this.#generations.registry
    if (serving !== undefined) this.#programs.serves(serving)
    // Maybe from another worker.
    if (event.type === 'taken-back') this.#place = 'held'
    for (const observer of this.#observers) observer.heard?.(pid, event)
    this.#narrator.heard(pid, event)
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

  #gone({ record, wasServing, exit }: End): void {
    const { pid, servingSince } = record
    this.#programs.gone(pid)
    // It may have removed the path of a listener as it ended.
    if (this.#stopping === undefined) restoreKept(this.#options.directory.path)
    const servedMs = servingSince === 0 ? 0 : now() - servingSince
    const reason = this.#guard.reasonOf(pid)
    const end = this.#narrator.endOf(record, exit)
    const line = reason === undefined ? end : say.killedHung(record, reason)
    if (wasServing) this.#recovery.lost({ exit, servedMs, why: line.text })
    // That this supervisor kills it was announced then.
    const expected =
      this.#stopping !== undefined || reason !== undefined || (!wasServing && exit?.code === 0)
    if (servingSince > 0 && !expected) this.#options.announce(line)
    this.#guard.gone(pid)
    if (pid !== this.#launcher.pid) this.#turn.gone()
    this.#launcher.exited(pid, exit ?? { code: null, signal: null })
    for (const observer of this.#observers) observer.gone?.(pid)
    this.#settle()
  }

  #settle(): void {
    if (this.#launcher.busy) return
    const { registry } = this.#generations
    if (this.#stopping === undefined) {
      if (this.#place !== 'held') return
      const mayTakeBack = draining(registry).length > 0
      this.#recovery.settle({ serves: registry.serving !== undefined, mayTakeBack })
    } else if (registry.processes.size === 0 && !this.#generations.hasRemains) {
      this.#stopping.close()
      this.#ended.resolve(this.#stopping.code)
    }
  }

  /** Children of processes that have gone are waited for, before the run ends. */
  #remainsEnded(): void {
    if (this.#generations.hasRemains) return
    if (this.#hasFailed) this.#ended.resolve(1)
    this.#settle()
  }

  #kill(pid: number): void {
    this.#launcher.hung(pid, this.reasonOf(pid) ?? '')
    this.#generations.signal(pid, 'SIGKILL')
  }

  #endByItself(): void {
    this.#options.announce(say.endedByItself())
    this.#finish(0)
    this.#options.onFinished()
  }

  #finish(code: number): void {
    if (this.#stopping !== undefined) return
    this.#recovery.cancel()
    this.#guard.close()
    this.#turn.stop()
    this.#store.close()
    this.#generations.findSilentHolders()
    const { timeouts, announce } = this.#options
    this.#stopping = new Stopping(this.#generations, {
      code,
      drainTimeoutMs: timeouts.drainTimeoutMs,
      patienceMs: timeouts.stopPatienceMs,
      onImpatient: () => {
        const processes = [...this.registry.processes.values()]
        announce(say.waitsNoLonger(processes, timeouts.stopPatienceMs ?? 0))
      },
      onDeadline: () => announce(say.stopDeadline()),
      onStuck: (pids) => {
        announce(say.stuck(pids))
        this.#ended.resolve(Math.max(1, this.#stopping?.code ?? 1))
      },
    })
    this.#settle()
  }
}
