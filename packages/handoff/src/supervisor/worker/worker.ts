// One place of a run, at which one process serves at a time: starts it, replaces it, starts it again
// after a crash, stops it.

import { closeAll } from '../../io/channel/wire.ts'
import { restoreKept } from '../../io/listeners/kept-paths.ts'
import { deferred } from '../../terms/deferred.ts'
import { type End, Generations } from '../processes/generations.ts'
import { now } from '../registry/clock.ts'
import type { Report } from '../registry/event.ts'
import type { Failed, Outcome, Served } from '../registry/outcome.ts'
import { draining, type ProcessName, type ProcessRecord } from '../registry/registry.ts'
import * as say from '../text/announce.ts'
import { WorkerAnswers, type WorkerParts } from './answers.ts'
import { beginStop, stoppingError } from './begin-stop.ts'
import { WorkerMemory } from './memory.ts'
import { Narrator } from './narrator.ts'
import { Recovery } from './recovery.ts'
import { FirstStart } from './start/first-start.ts'
import { Launcher } from './start/launcher.ts'
import { meetingPlaceIsBack } from './start/meeting-place.ts'
import type { LaunchRequest, LaunchResult, Observer, WorkerOptions } from './start/options.ts'
import { type StartRequest, startWorker } from './start/start-worker.ts'
import { HangGuard } from './stop/hang-guard.ts'
import type { Stopping } from './stop/stopping.ts'

export class Worker extends WorkerAnswers {
  protected readonly parts: WorkerParts
  readonly #options: WorkerOptions
  readonly #generations: Generations
  readonly #launcher: Launcher
  readonly #memory: WorkerMemory
  readonly #recovery: Recovery
  readonly #guard: HangGuard
  readonly #firstStart: FirstStart
  readonly #observers = new Set<Observer>()
  readonly #ended = deferred<number>()
  readonly #narrator: Narrator
  #stopping: Stopping | undefined

  constructor(options: WorkerOptions) {
    const { directory, timeouts, resumed } = options
    super(options.number)
    this.#options = options
    this.#memory = new WorkerMemory(options)
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
    this.#firstStart = new FirstStart(options, this.#generations)
    this.#launcher = new Launcher({
      readyTimeoutMs: timeouts.readyTimeoutMs,
      spawn: (program, joins, drop) => this.#spawn({ program, joins, drop }),
      kill: (pid) => this.#generations.signal(pid, 'SIGKILL'),
      mayRetry: async (failure) =>
        !this.hasServed &&
        this.#stopping === undefined &&
        (await this.#firstStart.mayRetry(failure)),
    })
    this.#recovery = new Recovery({
      restart: () => void this.launch(),
      mayFinish: () => options.isAlone(),
      finish: () => this.#endByItself(),
      onNoTakeBack: (ms) => this.#guard.killLate(draining(this.#generations.registry), ms),
      onPause: (delayMs, why) => {
        options.announce(say.pause(delayMs, this.#memory.store.all.length > 0, why))
      },
    })
    this.#guard = new HangGuard({
      timeouts,
      registry: () => this.#generations.registry,
      starting: () => this.#launcher.pid,
      canHear: () => this.#canHear(),
      kill: (pid) => this.#kill(pid),
      announce: (line) => options.announce(line),
    })
    this.parts = {
      rendezvous: directory.rendezvous,
      generations: this.#generations,
      launcher: this.#launcher,
      recovery: this.#recovery,
      guard: this.#guard,
      memory: this.#memory,
    }
  }

  /** Settles with the exit code of the run, once every process has gone. */
  get ended(): Promise<number> {
    return this.#ended.promise
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
    if (this.#stopping !== undefined) throw stoppingError(this.#options.name)
    const launch = this.#launcher.launch(program, joins, drop)
    this.#memory.place = 'held'
    this.#recovery.cancel()
    const began = now()
    return launch.then((outcome) => this.#launched(outcome, now() - began))
  }

  /** It is about to hand over to another worker: whether its end is a crash is not known yet. */
  leave(): void {
    if (this.#memory.place === 'held') this.#memory.place = 'leaving'
  }

  /**
   * Another worker accepts from its listeners now.
   *
   * @returns false where it does no more: the word that this one has taken back came first.
   */
  left(from: ProcessName, to: ProcessName): boolean {
    if (this.#memory.place !== 'leaving') return false
    this.#generations.left(from, to)
    this.#memory.place = 'left'
    this.#recovery.cancel()
    this.#memory.store.clear()
    return true
  }

  /** It has not handed over, and serves on. */
  stay(): void {
    if (this.#memory.place !== 'leaving') return
    this.#memory.place = 'held'
    this.#settle()
  }

  /** Lets every process drain and exit; {@link ended} tells when they have gone. */
  stop(): void {
    this.#finish(0)
  }

  /** How long its processes may still take to stop, in milliseconds; 0 if none was asked to. */
  get stopLeftMs(): number {
    return this.#stopping?.leftMs ?? 0
  }

  /** Kills every process; the run ends with `code`. */
  kill(code: number): void {
    this.stop()
    this.#stopping?.force(code)
  }

  close(): void {
    this.#recovery.cancel()
    this.#guard.close()
    this.#memory.store.close()
    this.#generations.close()
  }

  async #spawn(request: StartRequest): Promise<number> {
    this.#firstStart.begin()
    this.#canHear()
    if (this.#options.premises.wereRenewed) await meetingPlaceIsBack(this)
    const pid = await startWorker(this.#generations, this.#memory.store, this.#options, request)
    this.#memory.programs.started(pid, request.program)
    return pid
  }

  /** Whether all that reports need was there; if not, it is made anew. */
  #canHear(): boolean {
    return this.#options.premises.check(() => this.#generations.renewNotifySocket())
  }

  #launched(outcome: Outcome, ms: number): LaunchResult {
    const result = outcome.ok ? this.#succeeded(outcome, ms) : this.#failed(outcome)
    this.#settle()
    this.#options.onLaunched()
    return result
  }

  #succeeded({ pid, generation, listeners, replaces }: Served, ms: number): LaunchResult {
    this.#memory.hasServed = true
    const event = { type: 'serving', pid, generation, listeners, replaces, elapsedMs: ms } as const
    this.#options.announce(say.event(event))
    return { ok: true, pid, generation, replaces: replaces?.pid || undefined }
  }

  #failed({ failure, ...outcome }: Failed): LaunchResult {
    const old = this.serving
    const serving = old === undefined ? (outcome.serving ?? 'none') : 'old'
    if (this.#stopping !== undefined) {
      const { code, message } = stoppingError(this.#options.name)
      return { ok: false, failure: { code, message }, serving }
    }
    if (serving === 'old') {
      this.#generations.change({ type: 'aborted', ...failure, at: now() })
    }
    this.#options.announce(say.failed(failure, serving, old, this.silentMs))
    const { onFirstFailure } = this.#options
    if (this.#memory.hasServed || onFirstFailure === 'retry') {
      this.#recovery.lost({ exit: undefined, servedMs: 0, why: failure.message })
    }
    // Nothing of ours is left; a server of an earlier supervisor may well be.
    else if (onFirstFailure === 'end') {
      this.#memory.hasFailed = true
      this.#remainsEnded()
    }
    return { ok: false, failure, serving }
  }

  #heard(pid: number, report: Report, descriptors: readonly number[]): void {
    const { event, extendMs } = report
    if (pid === this.#generations.registry.serving) this.#memory.keep(report, descriptors)
    else closeAll(descriptors)
    this.#narrator.listen(pid, report)
    this.#stopping?.tell(pid)
    if (extendMs !== undefined) this.#stopping?.extend(extendMs)
    this.#launcher.heard(pid, report)
    if (this.#stopping === undefined) this.#guard.heard(pid, report)
    if (report.alive) for (const observer of this.#observers) observer.turned?.(pid)
    if (event === undefined) return
    this.#firstStart.heard(event, pid === this.#launcher.pid)
    const { serving } = this.#generations.registry
    if (serving !== undefined) this.#memory.programs.serves(serving)
    // Maybe from another worker.
    if (event.type === 'taken-back') this.#memory.place = 'held'
    for (const observer of this.#observers) observer.heard?.(pid, event)
    this.#narrator.heard(pid, event)
    this.#settle()
  }

  #gone({ record, wasServing, exit }: End): void {
    const { pid, servingSince } = record
    this.#memory.programs.gone(pid)
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
    if (pid !== this.#launcher.pid) this.#firstStart.gone()
    this.#launcher.exited(pid, exit ?? { code: null, signal: null })
    for (const observer of this.#observers) observer.gone?.(pid)
    this.#settle()
  }

  #settle(): void {
    if (this.#launcher.busy) return
    const { registry } = this.#generations
    if (this.#stopping === undefined) {
      if (this.#memory.place !== 'held') return
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
    if (this.#memory.hasFailed) this.#ended.resolve(1)
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
    this.#firstStart.stop()
    this.#memory.store.close()
    this.#generations.findSilentHolders()
    this.#stopping = beginStop(this.#generations, this.#options, code, () =>
      this.#ended.resolve(Math.max(1, this.#stopping?.code ?? 1)),
    )
    this.#settle()
  }
}
