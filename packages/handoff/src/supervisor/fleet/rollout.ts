// One reload of all workers: which ones start when, and where it stops.

import type { Program } from '../program/program.ts'
import type { Failure } from '../registry/outcome.ts'
import type { Worker } from '../worker/worker.ts'
import { Joins } from './joins.ts'
import { WorkerReload } from './worker-reload.ts'

export interface Plan {
  readonly program: Program
  /** Goes before all others: when its new code cannot serve, theirs is not tried. */
  readonly first: Worker
  /** Those that serve, in their order. */
  readonly others: readonly Worker[]
  /** The numbers of those that come. */
  readonly entering: readonly number[]
  /** Those that have no place any more; each hands over to one that stays. */
  readonly leaving: readonly Worker[]
  /** Listeners of the old processes that the new ones may leave out. */
  readonly drop: readonly string[]
  /** Whether the others start all at once, instead of one after the other. */
  readonly parallel: boolean
  /** Gives one that comes, when its place is free. */
  enter(number: number): Promise<Worker>
}

export class Rollout {
  readonly plan: Plan
  /** In the order in which they began. */
  readonly parts: WorkerReload[] = []
  readonly joins: Joins[] = []
  /** Settles when all that is to start has; whether all of it serves. */
  readonly done: Promise<boolean>
  /** Whether all that were there run the new code, and those that come have been started. */
  isComplete = false
  readonly #began = performance.now()

  /** Starts the first worker's process. */
  constructor(plan: Plan) {
    this.plan = plan
    this.done = this.#run()
  }

  /** Whether more than one worker takes part. */
  get hasMany(): boolean {
    const { others, entering, leaving } = this.plan
    return others.length + entering.length + leaving.length > 0
  }

  /** Those of which nothing was tried, since another one had failed. */
  get untouched(): Worker[] {
    const tried = [...this.parts.map(({ worker }) => worker), ...this.joins.flatMap(leavingOf)]
    return [...this.plan.others, ...this.plan.leaving].filter((worker) => !tried.includes(worker))
  }

  /** The numbers of those that run the new code, when it is done. */
  get renewed(): number[] {
    return this.parts.filter(({ serves }) => serves).map(({ worker }) => worker.number)
  }

  /** Follows the processes no longer. */
  close(): void {
    for (const part of this.parts) part.close()
  }

  async #run(): Promise<boolean> {
    const { first, others, entering, parallel } = this.plan
    const isLast = others.length + entering.length === 0
    if (!(await this.#start(first, isLast))) return false
    if (isLast) {
      this.isComplete = true
      return this.#allHaveLeft
    }
    // The others are to listen where this one does.
    await first.keepsAll()
    const hasNext = (index: number) => entering.length > 0 || index < others.length - 1
    if (parallel) {
      const started = await Promise.all(others.map((worker) => this.#start(worker, false)))
      if (started.includes(false)) return false
    } else {
      for (const [index, worker] of others.entries()) {
        if (!(await this.#start(worker, !hasNext(index)))) return false
      }
    }
    this.isComplete = true
    const entered = await Promise.all(
      entering.map(async (number) => await this.#start(await this.plan.enter(number), true)),
    )
    return !entered.includes(false) && this.#allHaveLeft
  }

  /**
   * @param isLast - whether nothing is started after it; else it is held back until this one is not
   * likely to be taken back.
   * @returns whether its new process serves.
   */
  async #start(worker: Worker, isLast: boolean): Promise<boolean> {
    // A crash may have been repaired at this very moment.
    if (worker.busy) await worker.idle()
    const joins = new Joins(worker, this.#leavingTo(worker))
    if (joins.leaving.length > 0) this.joins.push(joins)
    const { program, drop } = this.plan
    const request = { program, joins: joins.paths, drop }
    const part = new WorkerReload(worker, request, this.#began)
    this.parts.push(part)
    const launched = await part.launched
    if (!launched.ok) {
      joins.fail(notTried(worker, launched.failure))
      return false
    }
    await joins.settled
    return isLast || (await part.confirm()).ok
  }

  /** Spread over all that stay: worker k of N+1 and more goes to ((k-1) mod N)+1. */
  #leavingTo({ number }: Worker): Worker[] {
    const { others, entering, leaving } = this.plan
    const staying = 1 + others.length + entering.length
    return leaving.filter((worker) => ((worker.number - 1) % staying) + 1 === number)
  }

  get #allHaveLeft(): boolean {
    return this.joins.every(({ failures }) => failures.size === 0)
  }
}

function leavingOf({ leaving }: Joins): readonly Worker[] {
  return leaving
}

function notTried({ number }: Worker, { code }: Failure): Failure {
  return { code, message: `cannot hand over: worker ${number} could not be replaced.` }
}
