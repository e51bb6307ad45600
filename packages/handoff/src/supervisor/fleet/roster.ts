// Which workers there are: those that have a place, and those of which processes are left.

import { removeStaleSocket } from '../../io/listeners/bind-request.ts'
import { type RunDirectory, workerDirectory } from '../../io/rendezvous/run-directory.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { now } from '../registry/clock.ts'
import type { FleetSnapshot, WorkerSnapshot } from '../registry/snapshot.ts'
import type { Status } from '../registry/status.ts'
import type { Line } from '../text/announce.ts'
import { ofWorker } from '../text/announce-fleet.ts'
import type { WorkerOptions } from '../worker/start/options.ts'
import { Worker } from '../worker/worker.ts'
import { fleetStatus, sumOf, workerStatus } from './fleet-status.ts'
import { foundWorkers, servesAt } from './found-workers.ts'

/** Follows what the processes of all workers do, for as long as it is subscribed. */
export interface FleetObserver {
  heard?(worker: number, pid: number, event: HandoffEvent): void
  gone?(worker: number, pid: number): void
}

/** What all workers have in common. */
export interface RosterOptions
  extends Pick<WorkerOptions, 'name' | 'program' | 'timeouts' | 'inherited' | 'premises'> {
  readonly directory: RunDirectory
  /** How many generations of one worker there may be at once. */
  readonly maxGenerations: number
  /** Whether to wait for a reload when the very first start fails; else the run ends with 1. */
  readonly patient: boolean
  /** As the release before has left them, in this very process. */
  readonly resumed?: FleetSnapshot | undefined
  announce(line: Line): void
  onWaiting(ms: number): void
  onLaunched(): void
  onFinished(): void
  /** A worker has no process any more, and starts none. */
  onEnded(code: number): void
}

export class Roster {
  readonly #options: RosterOptions
  readonly #workers = new Map<number, Worker>()
  readonly #observers = new Set<FleetObserver>()
  /** The handoffs of workers that have gone, summed up. */
  #past: Status['handoffs'][] = []
  #stopping = false

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG */
  constructor(count: number, options: RosterOptions) {
    this.#options = options
    this.checkPaths(count)
    const { resumed, directory } = options
    const left = new Map(resumed?.workers.map((worker) => [worker.number, worker]))
    // Their sockets first: processes of an earlier supervisor may have something to tell.
    for (let number = 1; number <= count; number++) this.#add(number, left.get(number))
    const more = resumed === undefined ? foundWorkers(directory, count) : left.keys()
    for (const number of more) if (!this.#workers.has(number)) this.#add(number, left.get(number))
    if (resumed !== undefined) this.#past = [resumed.past]
  }

  get first(): Worker {
    return this.#workers.get(1) as Worker
  }

  /** In the order of their numbers. */
  get all(): Worker[] {
    return [...this.#workers.values()].sort((a, b) => a.number - b.number)
  }

  /** Without those that have handed over to others. */
  get placed(): Worker[] {
    return this.all.filter((worker) => !worker.hasLeft)
  }

  get size(): number {
    return this.#workers.size
  }

  /** Whether the worker is still there: it has a place, or processes. */
  has(worker: Worker): boolean {
    return this.#workers.get(worker.number) === worker
  }

  status(): Status {
    return fleetStatus(this.all, this.#past, this.#now)
  }

  /** What the next release needs to know of them. */
  snapshot(): Pick<FleetSnapshot, 'past' | 'workers'> {
    return { past: sumOf(this.#past), workers: this.all.map((worker) => worker.snapshot()) }
  }

  observe(observer: FleetObserver): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG, where so many have no room. */
  checkPaths(count: number): void {
    workerDirectory(this.#options.directory, count)
  }

  /** Gives a worker of this number; where one that has left still drains, when it has gone. */
  async enter(number: number): Promise<Worker> {
    while (!this.#stopping && this.#workers.get(number)?.hasLeft) await this.#somethingGoes()
    return this.#workers.get(number) ?? this.#add(number)
  }

  /** Removes those beyond a count that have nothing to hand over. */
  removeUnused(count: number): void {
    for (const worker of this.all) {
      const isUnused = worker.isUnused && !servesAt(worker.rendezvous)
      if (worker.number > count && isUnused) this.#remove(worker)
    }
  }

  /** One that has handed over goes when its last process has. */
  forget(worker: Worker): void {
    if (!this.#stopping && worker.hasLeft && worker.isUnused && this.has(worker)) {
      this.#remove(worker)
    }
  }

  /** A line about one of them; of several it tells which. */
  announce(worker: Worker, line: Line): void {
    this.#options.announce(this.size > 1 ? ofWorker(worker.number, line) : line)
  }

  /** From here on none is removed: each tells when it has ended. */
  stop(): void {
    this.#stopping = true
    for (const worker of this.all) worker.stop()
  }

  close(): void {
    for (const worker of this.all) worker.close()
    for (const { number, rendezvous } of this.all) if (number > 1) removeStaleSocket(rendezvous)
  }

  /** @param resumed - what the release before has left of it; nothing of one that comes later. */
  #add(number: number, resumed?: WorkerSnapshot): Worker {
    const { name, timeouts, directory, premises, patient } = this.#options
    const { onLaunched, onFinished, onEnded } = this.#options
    const isFirst = number === 1
    const worker: Worker = new Worker({
      ...{ number, name, timeouts, premises, onLaunched, onFinished },
      onWaiting: (ms) => this.#options.onWaiting(ms),
      program: isFirst ? this.#options.program : this.first.program,
      directory: workerDirectory(directory, number),
      onFirstFailure: isFirst ? (patient ? 'wait' : 'end') : 'retry',
      inherited: isFirst ? this.#options.inherited : [],
      resumed,
      others: () => this.all.filter((other) => other !== worker),
      isAlone: () => this.placed.length === 1,
      announce: (line) => this.announce(worker, line),
    })
    this.#workers.set(number, worker)
    worker.observe({
      heard: (pid, event) => {
        for (const observer of this.#observers) observer.heard?.(number, pid, event)
      },
      gone: (pid) => {
        this.forget(worker)
        for (const observer of this.#observers) observer.gone?.(number, pid)
      },
    })
    void worker.ended.then(onEnded)
    if (this.#stopping) worker.stop()
    return worker
  }

  #remove(worker: Worker): void {
    this.#workers.delete(worker.number)
    this.#past = [sumOf([...this.#past, workerStatus(worker, this.#now).handoffs])]
    worker.close()
    removeStaleSocket(worker.rendezvous)
  }

  get #now() {
    const { name, maxGenerations } = this.#options
    return { name, maxGenerations, pid: process.pid, now: now(), date: Date.now() }
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
}
