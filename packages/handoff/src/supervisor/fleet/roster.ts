// The workers of a run: those that have a place, and those of which processes are left.

import { EventEmitter, once } from 'node:events'
import { removeStaleSocket } from '../../io/listeners/bind-request.ts'
import { type RunDirectory, workerDirectory } from '../../io/rendezvous/run-directory.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { now } from '../registry/clock.ts'
import type { Status } from '../registry/run-status.ts'
import type { FleetSnapshot, WorkerSnapshot } from '../registry/snapshot.ts'
import type { Announcement } from '../text/announcements.ts'
import { ofWorker } from '../text/fleet-announcements.ts'
import { Worker } from '../worker/worker.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { fleetStatus, sumOf, workerStatus } from './fleet-status.ts'
import { foundWorkers, servesAt } from './found-workers.ts'

/** The events of the processes of all workers. */
export interface FleetEvents {
  event: [worker: number, pid: number, event: HandoffEvent]
  exit: [worker: number, pid: number]
}

/** The options that all workers have in common. */
export interface RosterOptions
  extends Pick<WorkerOptions, 'name' | 'program' | 'timeouts' | 'inherited' | 'files'> {
  readonly directory: RunDirectory
  /** How many generations of one worker may run at once. */
  readonly maxGenerations: number
  /** Whether to wait for a reload if the very first start fails. If not, the run ends with 1. */
  readonly patient: boolean
  /** How long after a start the next process of the first worker is started ahead, in milliseconds; undefined: not at all. */
  readonly aheadMs: number | undefined
  /** The state that the release before has left in this process. */
  readonly resumed?: FleetSnapshot | undefined
  announce(line: Announcement): void
  onWaiting(ms: number): void
  onStarted(): void
  onFinished(): void
  /** A worker has no process left, and starts none. */
  onEnded(code: number): void
}

export class Roster {
  readonly #options: RosterOptions
  readonly #workers = new Map<number, Worker>()
  readonly events = new EventEmitter<FleetEvents>().setMaxListeners(0)
  /** The handoffs of workers that were removed, summed up. */
  #past: Status['handoffs'][] = []
  #stopping = false

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG */
  constructor(count: number, options: RosterOptions) {
    this.#options = options
    this.checkPaths(count)
    const { resumed, directory } = options
    const states = new Map(resumed?.workers.map((worker) => [worker.number, worker]))
    // They open their sockets first: processes of an earlier supervisor may report.
    for (let number = 1; number <= count; number++) this.#add(number, states.get(number))
    const more = resumed === undefined ? foundWorkers(directory, count) : states.keys()
    for (const number of more) if (!this.#workers.has(number)) this.#add(number, states.get(number))
    if (resumed !== undefined) this.#past = [resumed.past]
  }

  get first(): Worker {
    return this.#workers.get(1) as Worker
  }

  /** In the order of their numbers. */
  get all(): Worker[] {
    return [...this.#workers.values()].sort((a, b) => a.number - b.number)
  }

  /** All but those that have handed over to others. */
  get placed(): Worker[] {
    return this.all.filter((worker) => !worker.hasLeft)
  }

  get size(): number {
    return this.#workers.size
  }

  /** Whether the worker still has a place or processes. */
  has(worker: Worker): boolean {
    return this.#workers.get(worker.number) === worker
  }

  status(): Status {
    return fleetStatus(this.all, this.#past, this.#now)
  }

  /** The state for the next release. */
  snapshot(): Pick<FleetSnapshot, 'past' | 'workers'> {
    return { past: sumOf(this.#past), workers: this.all.map((worker) => worker.snapshot()) }
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG if the paths of so many workers are too long. */
  checkPaths(count: number): void {
    workerDirectory(this.#options.directory, count)
  }

  /** Returns a worker of this number. If a worker that has left still drains there, waits for its end. */
  async freePlace(number: number): Promise<Worker> {
    while (!this.#stopping && this.#workers.get(number)?.hasLeft) await once(this.events, 'exit')
    return this.#workers.get(number) ?? this.#add(number)
  }

  /** Removes the workers beyond a count that have nothing to hand over. */
  removeUnused(count: number): void {
    for (const worker of this.all) {
      const isUnused = worker.isUnused && !servesAt(worker.rendezvous)
      if (worker.number > count && isUnused) this.#remove(worker)
    }
  }

  /** Removes a worker that has handed over, when its last process has ended. */
  removeIfLeft(worker: Worker): void {
    if (!this.#stopping && worker.hasLeft && worker.isUnused && this.has(worker)) {
      this.#remove(worker)
    }
  }

  /** Announces a line about a worker, with its number if the run has several. */
  announce(worker: Worker, line: Announcement): void {
    this.#options.announce(this.size > 1 ? ofWorker(worker.number, line) : line)
  }

  /** Stops all workers. From here on none is removed, and each calls `onEnded`. */
  stop(): void {
    this.#stopping = true
    for (const worker of this.all) worker.stop()
  }

  close(): void {
    for (const worker of this.all) worker.close()
    for (const { number, rendezvous } of this.all) if (number > 1) removeStaleSocket(rendezvous)
  }

  /** @param resumed - the state that the release before has left of the worker. */
  #add(number: number, resumed?: WorkerSnapshot): Worker {
    const { name, timeouts, directory, files, patient, aheadMs } = this.#options
    const { onStarted, onFinished, onEnded } = this.#options
    const isFirst = number === 1
    const worker: Worker = new Worker({
      ...{ number, name, timeouts, files, onStarted, onFinished },
      onWaiting: (ms) => this.#options.onWaiting(ms),
      program: isFirst ? this.#options.program : this.first.program,
      directory: workerDirectory(directory, number),
      aheadMs: isFirst ? aheadMs : undefined,
      onFirstFailure: isFirst ? (patient ? 'wait' : 'end') : 'retry',
      inherited: isFirst ? this.#options.inherited : [],
      resumed,
      others: () => this.all.filter((other) => other !== worker),
      isAlone: () => this.placed.length === 1,
      announce: (line) => this.announce(worker, line),
    })
    this.#workers.set(number, worker)
    worker.events.on('event', (pid, event) => this.events.emit('event', number, pid, event))
    worker.events.on('exit', (pid) => {
      this.removeIfLeft(worker)
      this.events.emit('exit', number, pid)
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
}
