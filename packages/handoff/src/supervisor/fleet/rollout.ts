// One reload of all workers: in which order they start, and where it stops.

import type { Failure } from '../registry/start-result.ts'
import type { Worker } from '../worker/worker.ts'
import type { Plan } from './plan.ts'
import { Takeovers } from './takeovers.ts'
import { WorkerReload } from './worker-reload.ts'

export class Rollout {
  readonly plan: Plan
  /** In the order in which they began. */
  readonly parts: WorkerReload[] = []
  readonly takeovers: Takeovers[] = []
  /**
   * Resolves when all starts and their ramps have ended, with whether all new processes serve. From then on only
   * these answer new connections.
   */
  readonly done: Promise<boolean>
  /** Whether all workers that served before run the new code, and new workers were started. */
  isComplete = false
  readonly #began = performance.now()

  /** Starts the process of the first worker. */
  constructor(plan: Plan) {
    this.plan = plan
    this.done = this.#run()
  }

  /** Whether more than one worker takes part. */
  get hasMany(): boolean {
    const { others, entering, leaving } = this.plan
    return others.length + entering.length + leaving.length > 0
  }

  /** The workers that were not tried because another one had failed. */
  get untouched(): Worker[] {
    const leaving = this.takeovers.flatMap((takeovers) => takeovers.leaving)
    const tried = [...this.parts.map(({ worker }) => worker), ...leaving]
    return [...this.plan.others, ...this.plan.leaving].filter((worker) => !tried.includes(worker))
  }

  /** The numbers of the workers that run the new code, when the rollout is done. */
  get renewed(): number[] {
    return this.parts.filter(({ serves }) => serves).map(({ worker }) => worker.number)
  }

  /** Whether all new processes serve: an old one may still accept beside its new one until the end. */
  get isRamping(): boolean {
    const { others, entering } = this.plan
    const hasStarted = this.parts.length === 1 + others.length + entering.length
    const serve = this.parts.every(({ serves }) => serves)
    return hasStarted && serve && this.takeovers.every(({ isSettled }) => isSettled)
  }

  /** Stops following the processes. */
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
    // The other workers listen at the places of this one.
    await first.allKept()
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
   * @param isLast - whether no start follows. The next start waits until a take-back of this one is
   * unlikely.
   * @returns whether the new process serves, and the old one accepts no more.
   */
  async #start(worker: Worker, isLast: boolean): Promise<boolean> {
    // The worker may be repairing a crash right now.
    if (worker.busy) await worker.idle()
    const takeovers = new Takeovers(worker, this.#leavingTo(worker))
    if (takeovers.leaving.length > 0) this.takeovers.push(takeovers)
    const { program, drop } = this.plan
    const request = { program, joins: takeovers.paths, drop }
    const part = new WorkerReload(worker, request, this.#began)
    this.parts.push(part)
    const result = await part.result
    if (!result.ok) {
      takeovers.fail(notTried(worker, result.failure))
      return false
    }
    await takeovers.settled
    return (await (isLast ? part.alone : part.confirm())).ok
  }

  /** Spreads surplus workers over all that stay: of N, worker k goes to ((k-1) mod N)+1. */
  #leavingTo({ number }: Worker): Worker[] {
    const { others, entering, leaving } = this.plan
    const staying = 1 + others.length + entering.length
    return leaving.filter((worker) => ((worker.number - 1) % staying) + 1 === number)
  }

  get #allHaveLeft(): boolean {
    return this.takeovers.every(({ failures }) => failures.size === 0)
  }
}

function notTried({ number }: Worker, { code }: Failure): Failure {
  return { code, message: `cannot hand over: worker ${number} could not be replaced.` }
}
