// All workers of a run: started, reloaded and stopped as one, each of them repaired by itself.

import { startTimer } from '../../io/system/system.ts'
import { deferred } from '../../terms/deferred.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { ProgramChange } from '../program/program.ts'
import { now } from '../registry/clock.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { FleetSnapshot } from '../registry/snapshot.ts'
import type { Status } from '../registry/status.ts'
import * as say from '../text/announce.ts'
import { hasLeft, stays, stopped } from '../text/announce-fleet.ts'
import { tooManyGenerations } from '../worker/generation-limit.ts'
import type { Worker } from '../worker/worker.ts'
import { type Plan, Rollout } from './rollout.ts'
import { type FleetObserver, Roster, type RosterOptions } from './roster.ts'
import type { Service } from './service.ts'

/** By then processes have told which connections a stop has left: they do so each second. */
const waitingAfterMs = 1_500

export interface FleetOptions
  extends Omit<RosterOptions, 'onWaiting' | 'onLaunched' | 'onFinished' | 'onEnded'> {
  /** How many workers there are to be. */
  readonly workers: number
  /** Whether a reload replaces all workers but the first one at once. */
  readonly parallel: boolean
  /** Whether the oldest generations are ended when a reload would start one too many; else it fails. */
  readonly endsOldest: boolean
  /** Whether the supervisor has a terminal, and is stopped by its Ctrl-C. */
  readonly terminal: boolean
  readonly service: Service
}

export interface ReloadRequest {
  /** What to start instead of what is in force. */
  readonly change?: ProgramChange
  /** How many workers there are to be from now on. */
  readonly workers?: number | undefined
  readonly parallel?: boolean | undefined
  /** Listeners of the old processes that the new ones may leave out: ports, Unix paths, places. */
  readonly drop?: readonly string[]
}

export class Fleet {
  readonly #options: FleetOptions
  readonly #roster: Roster
  readonly #ended = deferred<number>()
  /** Exit codes of the workers that have ended. */
  readonly #codes: number[] = []
  #count: number
  #rollout: Rollout | undefined
  /** Why to reload once more when what is on its way has ended. */
  #again: string | undefined
  #hasBeenReady: boolean
  #stopping = false

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG */
  constructor(options: FleetOptions) {
    const { resumed, service } = options
    this.#options = options
    this.#count = resumed?.count ?? options.workers
    this.#hasBeenReady = resumed?.hasBeenReady ?? false
    if (this.#hasBeenReady) service.resumed()
    this.#roster = new Roster(this.#count, {
      ...options,
      // Its own start comes after it.
      onWaiting: (ms) => service.extend(2 * ms),
      onLaunched: () => this.#settle(),
      onFinished: () => this.#stop(),
      onEnded: (code) => this.#workerEnded(code),
    })
  }

  /** Settles with the exit code of the run, once every process has gone. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  status(): Status {
    return this.#roster.status()
  }

  /** Whether the worker is still there: it has a place, or processes. */
  has(worker: Worker): boolean {
    return this.#roster.has(worker)
  }

  observe(observer: FleetObserver): () => void {
    return this.#roster.observe(observer)
  }

  /** Reloads, or starts for the first time; how it goes is announced. */
  start(): void {
    const rollout = this.reload()
    void rollout.done.then(() => rollout.close())
  }

  /**
   * Replaces the processes of all workers, the first one's before the others'; starts those that are
   * to come, and lets those that are to go hand over to others.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while a start is on its way;
   * ERR_HANDOFF_TOO_MANY_GENERATIONS; ERR_HANDOFF_STOPPING; ERR_HANDOFF_PATH_TOO_LONG.
   */
  reload({
    change = {},
    workers = this.#count,
    parallel = this.#options.parallel,
    drop = [],
  }: ReloadRequest = {}): Rollout {
    if (this.#stopping) throw this.#isStopping()
    if (this.#isBusy) throw this.#busy()
    this.#roster.checkPaths(workers)
    for (const worker of this.#roster.placed) this.#makeRoom(worker)
    this.#roster.removeUnused(workers)
    const { first, placed } = this.#roster
    if (placed.some(({ serving }) => serving !== undefined)) this.#options.service.reloading()
    const program = { ...first.program, ...change }
    const rollout = this.#rollOut(workers, { program, parallel, drop })
    this.#rollout = rollout
    void rollout.done.then((ok) => this.#rolledOut(rollout, ok, workers))
    return rollout
  }

  /**
   * What the next release needs to know.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING: it could not know what is
   * on its way.
   */
  snapshot(): FleetSnapshot {
    if (this.#stopping) throw this.#isStopping('upgrade')
    if (this.#isBusy) throw this.#busy('upgrade')
    if (this.#roster.all.some(({ backoff }) => backoff !== null)) {
      const reason = 'a server that crashed is about to be started again'
      throw new HandoffError('ERR_HANDOFF_BUSY', `cannot upgrade: ${reason}`)
    }
    return { count: this.#count, hasBeenReady: this.#hasBeenReady, ...this.#roster.snapshot() }
  }

  /** Reloads now, or once more after the start on its way: what that one has loaded may be stale. */
  reloadSoon(why: string): void {
    if (this.#stopping) return
    const { announce } = this.#options
    if (this.#isBusy) {
      this.#again = why
      announce(say.again(why))
    } else {
      announce(say.begins(why))
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
    const surplus = worker.surplus(maxGenerations)
    if (surplus.length === 0) return
    if (!endsOldest) throw tooManyGenerations(name, worker.registry, surplus, now())
    for (const record of surplus) {
      this.#roster.announce(worker, say.endsOldest(record, maxGenerations))
      worker.end(record)
    }
  }

  /**
   * Lets every process drain and exit; {@link ended} tells when they have gone.
   *
   * @param by - of two signals the second one kills; the one after a command does not.
   */
  stop(by: 'signal' | 'command' = 'signal'): void {
    if (this.#stopping) {
      if (by === 'signal') this.#tellWaiting('again')
      return
    }
    this.#options.announce(say.stopping(this.#processes.length))
    this.#stop()
    const again = by === 'signal' ? 'again' : 'twice'
    // An operator who waits learns for what, unless it is over soon.
    const timer = startTimer(waitingAfterMs, () => this.#tellWaiting(again))
    void this.#ended.promise.then(() => timer.cancel())
  }

  #tellWaiting(again: 'again' | 'twice'): void {
    const { announce, timeouts, terminal } = this.#options
    const processes = this.#processes
    if (timeouts.stopPatienceMs !== undefined || processes.length === 0) return
    const ms = Math.max(...this.#roster.all.map(({ stopLeftMs }) => stopLeftMs))
    announce(say.waitsFor(processes, ms, `${terminal ? 'Ctrl-C' : 'SIGTERM'} ${again}`))
  }

  get #processes(): ProcessRecord[] {
    return this.#roster.all.flatMap(({ registry }) => [...registry.processes.values()])
  }

  /** Kills every process; the run ends with `code`. */
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

  #rollOut(count: number, what: Pick<Plan, 'program' | 'parallel' | 'drop'>): Rollout {
    const { first, placed } = this.#roster
    const others = placed.filter(
      ({ number, hasServed }) => number > 1 && number <= count && hasServed,
    )
    const staying = new Set([first, ...others].map(({ number }) => number))
    const numbers = Array.from({ length: count }, (_, index) => index + 1)
    return new Rollout({
      ...{ ...what, first, others },
      entering: numbers.filter((number) => !staying.has(number)),
      leaving: placed.filter(({ number }) => number > count),
      enter: (number) => this.#roster.enter(number),
    })
  }

  #rolledOut(rollout: Rollout, ok: boolean, count: number): void {
    const { renewed, isComplete } = rollout
    this.#rollout = undefined
    // Those that are to come do so when all others have the new code; those that have gone have gone.
    const hasBegun = renewed.length > 0 && count < this.#count
    if (isComplete || hasBegun) this.#count = count
    for (const { joiner, leaving, failures } of rollout.joins) {
      for (const worker of leaving) {
        const failure = failures.get(worker)
        const line = failure === undefined ? hasLeft(joiner.number) : stays(failure)
        this.#roster.announce(worker, line)
        this.#roster.forget(worker)
      }
    }
    if (!ok && rollout.hasMany && this.#hasBeenReady && !this.#stopping) this.#tellStop(renewed)
    this.#settle()
  }

  #tellStop(renewed: readonly number[]): void {
    const others = this.#roster.placed
      .filter(({ serving }) => serving !== undefined)
      .map(({ number }) => number)
      .filter((number) => !renewed.includes(number))
    this.#options.announce(stopped(renewed, others))
  }

  /** A start, or a whole reload, has ended. */
  #settle(): void {
    if (this.#stopping || this.#isBusy) return
    const { placed } = this.#roster
    const serving = placed.filter((worker) => worker.serving !== undefined).length
    if (serving >= (this.#hasBeenReady ? 1 : placed.length)) {
      this.#hasBeenReady = true
      this.#options.service.ready()
    }
    const again = this.#again
    this.#again = undefined
    if (again !== undefined) this.reloadSoon(again)
  }

  #stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#options.service.stopping()
    this.#roster.stop()
  }

  #workerEnded(code: number): void {
    // The very first start has failed.
    if (!this.#stopping) return this.#ended.resolve(code)
    this.#codes.push(code)
    if (this.#codes.length === this.#roster.size) this.#ended.resolve(Math.max(...this.#codes))
  }

  #isStopping(verb = 'reload'): HandoffError {
    const { name } = this.#options
    return new HandoffError('ERR_HANDOFF_STOPPING', `cannot ${verb} ${name}: it is stopping`)
  }

  #busy(verb = 'start a new process'): HandoffError {
    const [pid] = this.#roster.all.flatMap(({ starting }) => starting ?? [])
    const which = pid === undefined ? '' : ` (pid ${pid})`
    return new HandoffError(
      'ERR_HANDOFF_BUSY',
      `cannot ${verb}: a process${which} is on its way to serve`,
    )
  }
}
