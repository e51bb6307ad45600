// All workers of a run: started, reloaded and stopped together. Each of them recovers by itself.

import type { EventEmitter } from 'node:events'
import { deferred } from '../../terms/deferred.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { Program, ProgramChange } from '../program/program.ts'
import { now } from '../registry/clock.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { Status } from '../registry/run-status.ts'
import type { FleetSnapshot } from '../registry/snapshot.ts'
import * as say from '../text/announcements.ts'
import * as sayFleet from '../text/fleet-announcements.ts'
import { tooManyGenerations } from '../worker/generation-limit.ts'
import type { Worker } from '../worker/worker.ts'
import { busyError, crashedError, stoppingError } from './fleet-errors.ts'
import { planReload } from './plan.ts'
import { Rollout } from './rollout.ts'
import { type FleetEvents, Roster, type RosterOptions } from './roster.ts'
import type { Service } from './service.ts'
import { StopAnnouncer } from './stop-announcer.ts'

export interface FleetOptions
  extends Omit<RosterOptions, 'onWaiting' | 'onStarted' | 'onFinished' | 'onEnded'> {
  /** How many workers to start. */
  readonly workers: number
  /** Whether a reload replaces all workers but the first one in parallel. */
  readonly parallel: boolean
  /** Whether a reload ends the oldest generations if there would be too many. If not, it fails. */
  readonly endsOldest: boolean
  /** Whether the supervisor has a terminal, and is stopped by its Ctrl-C. */
  readonly terminal: boolean
  readonly service: Service
}

export interface ReloadRequest {
  /** What to start instead of the program in force. */
  readonly change?: ProgramChange
  /** How many workers the run has from now on. */
  readonly workers?: number | undefined
  readonly parallel?: boolean | undefined
  /** Listeners of the old processes that the new ones may leave out: ports, Unix paths, places. */
  readonly drop?: readonly string[]
}

export class Fleet {
  readonly #options: FleetOptions
  readonly #roster: Roster
  readonly #ended = deferred<number>()
  readonly #stopAnnouncer: StopAnnouncer
  /** Exit codes of the workers that have ended. */
  readonly #codes: number[] = []
  #count: number
  #rollout: Rollout | undefined
  /** Why to reload once more after the start that is under way. */
  #queuedReload: string | undefined
  #hasBeenReady: boolean
  #stopping = false

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG */
  constructor(options: FleetOptions) {
    const { resumed, service, announce, terminal, timeouts } = options
    this.#options = options
    this.#count = resumed?.count ?? options.workers
    this.#hasBeenReady = resumed?.hasBeenReady ?? false
    if (this.#hasBeenReady) service.resumed()
    this.#roster = new Roster(this.#count, {
      ...options,
      // The start of its own process comes after it.
      onWaiting: (ms) => service.extend(2 * ms),
      onStarted: () => this.#onIdle(),
      onFinished: () => this.#stop(),
      onEnded: (code) => this.#onWorkerEnded(code),
    })
    this.#stopAnnouncer = new StopAnnouncer({
      terminal,
      announce,
      isShort: timeouts.stopPatienceMs !== undefined,
      processes: () => this.#processes,
      leftMs: () => Math.max(...this.#roster.all.map(({ stopLeftMs }) => stopLeftMs)),
    })
  }

  /** Resolves with the exit code of the run when every process has ended. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** The program in force. */
  get program(): Program {
    return this.#roster.first.program
  }

  status(): Status {
    return this.#roster.status()
  }

  /** Whether the worker still has a place or processes. */
  has(worker: Worker): boolean {
    return this.#roster.has(worker)
  }

  /** The events of all workers. */
  get events(): Pick<EventEmitter<FleetEvents>, 'on' | 'off'> {
    return this.#roster.events
  }

  /** Starts for the first time, or reloads. The result is announced. */
  start(): void {
    const rollout = this.reload()
    void rollout.done.then(() => rollout.close())
  }

  /**
   * Replaces the processes of all workers, the first worker's before the others'. Starts new workers, and
   * lets surplus workers hand over to others.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while a start is under way;
   * ERR_HANDOFF_TOO_MANY_GENERATIONS; ERR_HANDOFF_STOPPING; ERR_HANDOFF_PATH_TOO_LONG.
   */
  reload({
    change = {},
    workers = this.#count,
    parallel = this.#options.parallel,
    drop = [],
  }: ReloadRequest = {}): Rollout {
    this.#checkIdle('reload')
    this.#roster.checkPaths(workers)
    for (const worker of this.#roster.placed) this.#makeRoom(worker)
    this.#roster.removeUnused(workers)
    const { first, placed } = this.#roster
    if (placed.some(({ serving }) => serving !== undefined)) this.#options.service.reloading()
    const program = { ...first.program, ...change }
    const rollout = new Rollout(planReload(this.#roster, workers, { program, parallel, drop }))
    this.#rollout = rollout
    void rollout.done.then((ok) => this.#onRolledOut(rollout, ok, workers))
    return rollout
  }

  /** Whether a reload is in its ramp, of which a further one waits for the end. */
  get isRamping(): boolean {
    return this.#rollout?.isRamping ?? false
  }

  /** Resolves when no reload is in its ramp. */
  async ramped(): Promise<void> {
    while (this.#rollout?.isRamping) await this.#rollout.done
  }

  /**
   * Returns the state for the next release.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING: a start that is under way is not in it.
   */
  snapshot(): FleetSnapshot {
    this.#checkIdle('upgrade')
    if (this.#roster.all.some(({ backoff }) => backoff !== null)) {
      throw crashedError('upgrade', this.#options.name)
    }
    return { count: this.#count, hasBeenReady: this.#hasBeenReady, ...this.#roster.snapshot() }
  }

  /** Reloads now, or after the start that is under way: its process may have loaded old sources. */
  reloadSoon(why: string): void {
    if (this.#stopping) return
    const { announce } = this.#options
    if (this.#isBusy) {
      this.#queuedReload = why
      announce(say.reloadQueued(why, this.isRamping))
    } else {
      announce(say.reloadBegins(why))
      try {
        this.start()
      } catch (error) {
        const serving = this.#roster.placed.find((worker) => worker.serving !== undefined)?.serving
        const isKnown = error instanceof HandoffError && serving !== undefined
        announce(isKnown ? say.failed(error, 'old', serving) : say.trouble(error))
      }
    }
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_TOO_MANY_GENERATIONS */
  #makeRoom(worker: Worker): void {
    const { name, endsOldest, maxGenerations } = this.#options
    const surplus = worker.surplusGenerations(maxGenerations)
    if (surplus.length === 0) return
    if (!endsOldest) throw tooManyGenerations(name, worker.registry, surplus, now())
    for (const record of surplus) {
      this.#roster.announce(worker, say.endsOldest(record, maxGenerations))
      worker.killProcess(record)
    }
  }

  /**
   * Asks every process to drain and exit. {@link ended} resolves when they have ended.
   *
   * @param by - a second signal kills the processes. After a command it takes two.
   */
  stop(by: 'signal' | 'command' = 'signal'): void {
    if (this.#stopping) {
      if (by === 'signal') this.#stopAnnouncer.waiting('again')
      return
    }
    this.#stopAnnouncer.begin(by, this.#ended.promise)
    this.#stop()
  }

  get #processes(): ProcessRecord[] {
    return this.#roster.all.flatMap(({ registry }) => [...registry.processes.values()])
  }

  /** Kills every process. The run ends with `code`. */
  kill(code: number): void {
    if (!this.#stopping) this.stop()
    for (const worker of this.#roster.all) worker.kill(code)
  }

  close(): void {
    this.#roster.close()
  }

  get #isBusy(): boolean {
    return this.#rollout !== undefined || this.#roster.all.some(({ busy }) => busy)
  }

  #onRolledOut(rollout: Rollout, ok: boolean, count: number): void {
    const { renewed, isComplete } = rollout
    this.#rollout = undefined
    // New workers start when all others run the new code. Surplus workers that have handed over do not return.
    const hasBegun = renewed.length > 0 && count < this.#count
    if (isComplete || hasBegun) this.#count = count
    for (const { joiner, leaving, failures } of rollout.takeovers) {
      for (const worker of leaving) {
        const failure = failures.get(worker)
        const line =
          failure === undefined
            ? sayFleet.surplusHasLeft(joiner.number)
            : sayFleet.surplusStays(failure)
        this.#roster.announce(worker, line)
        this.#roster.removeIfLeft(worker)
      }
    }
    for (const { worker, serves, aloneAfterMs } of rollout.parts) {
      if (ok && serves && aloneAfterMs === null) this.#roster.announce(worker, say.noEndOfRamp())
    }
    if (!ok && rollout.hasMany && this.#hasBeenReady && !this.#stopping) {
      this.#announceStopped(renewed)
    }
    this.#onIdle()
  }

  #announceStopped(renewed: readonly number[]): void {
    const others = this.#roster.placed
      .filter(({ serving }) => serving !== undefined)
      .map(({ number }) => number)
      .filter((number) => !renewed.includes(number))
    this.#options.announce(sayFleet.reloadStopped(renewed, others))
  }

  /** A start or a whole reload has ended. */
  #onIdle(): void {
    if (this.#stopping || this.#isBusy) return
    const { placed } = this.#roster
    const serving = placed.filter((worker) => worker.serving !== undefined).length
    if (serving >= (this.#hasBeenReady ? 1 : placed.length)) {
      this.#hasBeenReady = true
      this.#options.service.ready()
    }
    const queued = this.#queuedReload
    this.#queuedReload = undefined
    if (queued !== undefined) this.reloadSoon(queued)
  }

  #stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#options.service.stopping()
    this.#roster.stop()
  }

  #onWorkerEnded(code: number): void {
    // The very first start has failed.
    if (!this.#stopping) return this.#ended.resolve(code)
    this.#codes.push(code)
    if (this.#codes.length === this.#roster.size) this.#ended.resolve(Math.max(...this.#codes))
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING. */
  #checkIdle(verb: 'reload' | 'upgrade'): void {
    const { name } = this.#options
    if (this.#stopping) throw stoppingError(verb, name)
    if (!this.#isBusy) return
    const [pid] = this.#roster.all.flatMap(({ starting }) => starting ?? [])
    throw busyError(verb, name, pid)
  }
}
