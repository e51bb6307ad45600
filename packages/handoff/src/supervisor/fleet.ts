// All workers of a run: started, reloaded and stopped as one, each of them repaired by itself.

import { deferred } from '../deferred.ts'
import type { HandoffEvent } from '../diagnostics.ts'
import { HandoffError } from '../errors.ts'
import type { Named } from '../io/activation.ts'
import { removeStale } from '../io/listeners.ts'
import { type RunDirectory, workerDirectory } from '../io/run-directory.ts'
import * as say from './announce.ts'
import { hasLeft, ofWorker, stays, stopped } from './announce-fleet.ts'
import { now } from './clock.ts'
import type { Timeouts } from './environment.ts'
import { fleetStatus, sumOf, workerStatus } from './fleet-status.ts'
import { foundWorkers, servesAt } from './found-workers.ts'
import type { Program, ProgramChange } from './program.ts'
import { type Plan, Rollout } from './rollout.ts'
import type { Service } from './service.ts'
import type { Snapshot, WorkerSnapshot } from './snapshot.ts'
import type { Status } from './status.ts'
import { Worker } from './worker.ts'

export interface FleetOptions {
  readonly name: string
  readonly program: Program
  readonly directory: RunDirectory
  readonly timeouts: Timeouts
  /** How many workers there are to be. */
  readonly workers: number
  /** Whether a reload replaces all workers but the first one at once. */
  readonly parallel: boolean
  /** Whether to wait for a reload when the very first start fails; else the run ends with 1. */
  readonly patient: boolean
  /** Listeners that the supervisor was started with, by socket activation. */
  readonly inherited: readonly Named[]
  readonly service: Service
  /** As the release before has left them, in this very process. */
  readonly resumed?: ReadonlyMap<number, WorkerSnapshot>
  announce(line: say.Line): void
}

export interface ReloadRequest {
  /** What to start instead of what is in force. */
  readonly change?: ProgramChange
  /** How many workers there are to be from now on. */
  readonly workers?: number | undefined
  readonly parallel?: boolean | undefined
}

/** Follows what the processes of all workers do, for as long as it is subscribed. */
export interface FleetObserver {
  heard?(worker: number, pid: number, event: HandoffEvent): void
  gone?(worker: number, pid: number): void
}

export class Fleet {
  readonly #options: FleetOptions
  readonly #workers = new Map<number, Worker>()
  readonly #observers = new Set<FleetObserver>()
  readonly #ended = deferred<number>()
  /** Exit codes of the workers that have ended. */
  readonly #codes: number[] = []
  /** The handoffs of workers that have gone, summed up. */
  #past: Status['handoffs'][] = []
  #count: number
  #rollout: Rollout | undefined
  /** Why to reload once more when what is on its way has ended. */
  #again: string | undefined
  #hasBeenReady = false
  #stopping = false

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG */
  constructor(options: FleetOptions) {
    this.#options = options
    this.#count = options.workers
    this.#checkPaths(this.#count)
    // Their sockets first: processes of an earlier supervisor may have something to tell.
    for (let number = 1; number <= this.#count; number++) this.#add(number)
    for (const number of foundWorkers(options.directory, this.#count)) this.#add(number)
  }

  /** Goes on where the release before has left off, in this very process: nothing is started. */
  static resume(options: Omit<FleetOptions, 'workers'>, { count, past, workers }: Snapshot): Fleet {
    const resumed = new Map(workers.map((worker) => [worker.number, worker]))
    const fleet = new Fleet({ ...options, workers: count, resumed })
    for (const number of resumed.keys()) if (!fleet.#workers.has(number)) fleet.#add(number)
    fleet.#past = [past]
    fleet.#hasBeenReady = true
    options.service.resumed()
    return fleet
  }

  /**
   * What the next release needs to know.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING: it could not know what is
   * on its way.
   */
  snapshot(): Pick<Snapshot, 'count' | 'past' | 'workers'> {
    if (this.#stopping) throw this.#isStopping()
    if (this.#isBusy || this.#all.some(({ backoff }) => backoff !== null)) throw this.#busy()
    const past = sumOf(this.#past)
    return { count: this.#count, past, workers: this.#all.map((worker) => worker.snapshot()) }
  }

  /** Settles with the exit code of the run, once every process has gone. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  get name(): string {
    return this.#options.name
  }

  /** Reloads, or starts for the first time; how it goes is announced. */
  start(): void {
    const rollout = this.reload()
    void rollout.done.then(() => rollout.close())
  }

  status(): Status {
    return fleetStatus(this.#all, this.#past, this.#now())
  }

  /** Whether the worker is still there: it has a place, or processes. */
  has(worker: Worker): boolean {
    return this.#workers.get(worker.number) === worker
  }

  observe(observer: FleetObserver): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  /**
   * Replaces the processes of all workers, the first one's before the others'; starts those that are
   * to come, and lets those that are to go hand over to others.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while a start is on its way;
   * ERR_HANDOFF_STOPPING; ERR_HANDOFF_PATH_TOO_LONG.
   */
  reload({ change = {}, workers = this.#count, parallel }: ReloadRequest = {}): Rollout {
    if (this.#stopping) throw this.#isStopping()
    if (this.#isBusy) throw this.#busy()
    this.#checkPaths(workers)
    for (const worker of this.#all) {
      if (worker.number > workers && worker.isUnused && !servesAt(worker.rendezvous))
        this.#remove(worker)
    }
    const plan = this.#plan(workers, { ...this.#first.program, ...change }, parallel)
    if (this.#placed.some(({ serving }) => serving !== undefined)) this.#options.service.reloading()
    const rollout = new Rollout(plan)
    this.#rollout = rollout
    void rollout.done.then((ok) => this.#rolledOut(rollout, ok, workers))
    return rollout
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
      this.start()
    }
  }

  /** Lets every process drain and exit; {@link ended} tells when they have gone. */
  stop(): void {
    if (this.#stopping) return
    const processes = this.#all.reduce((sum, { registry }) => sum + registry.processes.size, 0)
    this.#options.announce(say.stopping(processes))
    this.#stop()
  }

  /** Kills every process; the run ends with `code`. */
  kill(code: number): void {
    this.stop()
    for (const worker of this.#all) worker.kill(code)
  }

  close(): void {
    for (const worker of this.#all) worker.close()
    for (const { number, rendezvous } of this.#all) if (number > 1) removeStale(rendezvous)
  }

  get #first(): Worker {
    return this.#workers.get(1) as Worker
  }

  get #all(): Worker[] {
    return [...this.#workers.values()].sort((a, b) => a.number - b.number)
  }

  /** Without those that have handed over to others. */
  get #placed(): Worker[] {
    return this.#all.filter((worker) => !worker.hasLeft)
  }

  get #isBusy(): boolean {
    return this.#rollout !== undefined || this.#all.some(({ busy }) => busy)
  }

  #plan(count: number, program: Program, parallel = this.#options.parallel): Plan {
    const numbers = Array.from({ length: count - 1 }, (_, index) => index + 2)
    const others = this.#placed.filter(
      ({ number, hasServed }) => number > 1 && number <= count && hasServed,
    )
    const staying = new Set(others.map(({ number }) => number))
    return {
      program,
      first: this.#first,
      others,
      entering: numbers.filter((number) => !staying.has(number)),
      leaving: this.#placed.filter(({ number }) => number > count),
      parallel,
      enter: (number) => this.#enter(number),
    }
  }

  #rolledOut(rollout: Rollout, ok: boolean, count: number): void {
    this.#rollout = undefined
    // Those that come do so only when all others have the new code; those that have gone have gone.
    const begun = rollout.renewed.length > 0
    if (ok || (begun && count < this.#count)) this.#count = count
    for (const { joiner, leaving, failures } of rollout.joins) {
      for (const worker of leaving) {
        const failure = failures.get(worker)
        const line = failure === undefined ? hasLeft(joiner.number) : stays(failure)
        this.#announce(worker, line)
        this.#forget(worker)
      }
    }
    if (!ok && rollout.hasMany && !this.#stopping) {
      const { renewed } = rollout
      const others = this.#placed.filter(
        ({ number, serving }) => serving !== undefined && !renewed.includes(number),
      )
      const numbers = others.map(({ number }) => number)
      this.#options.announce(stopped(renewed, numbers))
    }
    this.#settle()
  }

  /** A start, or a whole reload, has ended. */
  #settle(): void {
    if (this.#stopping || this.#isBusy) return
    const serving = this.#placed.filter(({ serving }) => serving !== undefined)
    const enough = this.#hasBeenReady ? 1 : this.#placed.length
    if (serving.length >= enough) {
      this.#hasBeenReady = true
      this.#options.service.ready()
    }
    const again = this.#again
    this.#again = undefined
    if (again !== undefined) this.reloadSoon(again)
  }

  /** Gives a worker of this number; where one that has left still drains, when it has gone. */
  async #enter(number: number): Promise<Worker> {
    while (!this.#stopping && this.#workers.get(number)?.hasLeft) await this.#somethingGoes()
    return this.#workers.get(number) ?? this.#add(number)
  }

  #somethingGoes(): Promise<void> {
    return new Promise((resolve) => {
      const undo = this.observe({
        gone: () => {
          undo()
          resolve()
        },
      })
    })
  }

  #add(number: number): Worker {
    const { name, program, directory, timeouts, patient } = this.#options
    const isFirst = number === 1
    const worker: Worker = new Worker({
      number,
      name,
      program,
      timeouts,
      directory: workerDirectory(directory, number),
      onFirstFailure: isFirst ? (patient ? 'wait' : 'end') : 'retry',
      inherited: isFirst ? this.#options.inherited : [],
      first: () => (isFirst ? undefined : this.#first),
      isAlone: () => this.#placed.length === 1,
      announce: (line) => this.#announce(worker, line),
      resumed: this.#options.resumed?.get(number),
      onLaunched: () => this.#settle(),
      onFinished: () => this.#stop(),
    })
    this.#workers.set(number, worker)
    worker.observe({
      heard: (pid, event) => {
        for (const observer of this.#observers) observer.heard?.(number, pid, event)
      },
      gone: (pid) => {
        this.#forget(worker)
        for (const observer of this.#observers) observer.gone?.(number, pid)
      },
    })
    void worker.ended.then((code) => this.#workerEnded(code))
    if (this.#stopping) worker.stop()
    return worker
  }

  /** One that has handed over goes when its last process has. */
  #forget(worker: Worker): void {
    if (!this.#stopping && worker.hasLeft && worker.isEmpty) this.#remove(worker)
  }

  #now() {
    return { name: this.name, pid: process.pid, now: now(), date: Date.now() }
  }

  #remove(worker: Worker): void {
    this.#workers.delete(worker.number)
    this.#past = [sumOf([...this.#past, workerStatus(worker, this.#now()).handoffs])]
    worker.close()
    removeStale(worker.rendezvous)
  }

  #workerEnded(code: number): void {
    // The very first start has failed.
    if (!this.#stopping) return this.#ended.resolve(code)
    this.#codes.push(code)
    if (this.#codes.length === this.#workers.size) this.#ended.resolve(Math.max(...this.#codes))
  }

  #stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#options.service.stopping()
    for (const worker of this.#all) worker.stop()
  }

  #announce(worker: Worker, line: say.Line): void {
    this.#options.announce(this.#workers.size > 1 ? ofWorker(worker.number, line) : line)
  }

  #checkPaths(count: number): void {
    workerDirectory(this.#options.directory, count)
  }

  #isStopping(): HandoffError {
    return new HandoffError('ERR_HANDOFF_STOPPING', `cannot reload ${this.name}: it is stopping`)
  }

  #busy(): HandoffError {
    const pid = this.#all.map(({ starting }) => starting).find((pid) => pid !== undefined)
    const which = pid === undefined ? '' : ` (pid ${pid})`
    return new HandoffError(
      'ERR_HANDOFF_BUSY',
      `cannot start a new process: another one${which} is on its way to serve`,
    )
  }
}
