// The state that a worker keeps from one process to the next.

import { Programs } from '../program/program.ts'
import type { Report } from '../registry/process-report.ts'
import type { WorkerSnapshot } from '../registry/snapshot.ts'
import * as say from '../text/announcements.ts'
import { ListenerStore } from './start/listener-store.ts'
import type { WorkerOptions } from './worker-options.ts'

export class WorkerMemory {
  /** The listeners of the process that serves, in case it dies. */
  readonly store: ListenerStore
  readonly programs: Programs
  hasServed = false
  /** Whether the very first start has failed, and ends the run. */
  hasFailed = false
  /** `held`: the worker has a place. `leaving`, `left`: it is about to hand over to another worker, or has. */
  place: 'held' | 'leaving' | 'left' = 'held'

  readonly #announce: WorkerOptions['announce']

  constructor({
    inherited,
    program,
    resumed,
    announce,
  }: Pick<WorkerOptions, 'inherited' | 'program' | 'resumed' | 'announce'>) {
    this.#announce = announce
    this.store = new ListenerStore(inherited)
    this.programs = new Programs(resumed?.inForce ?? program)
    if (resumed !== undefined) this.#resume(resumed)
  }

  /** Keeps the listeners that the process that serves has sent. Owns the descriptors. */
  keep(report: Report, descriptors: readonly number[]): void {
    try {
      this.store.onReport(report, descriptors)
    } catch (error) {
      this.#announce(say.trouble(error))
    }
  }

  /** The state for the next release. */
  snapshot(): Pick<WorkerSnapshot, 'hasServed' | 'hasLeft' | 'stored' | 'inForce' | 'programs'> {
    return {
      hasServed: this.hasServed,
      hasLeft: this.place === 'left',
      stored: this.store.stored,
      inForce: this.programs.inForce,
      programs: this.programs.all,
    }
  }

  #resume({ hasServed, hasLeft, stored, programs }: WorkerSnapshot): void {
    this.hasServed = hasServed
    if (hasLeft) this.place = 'left'
    for (const { name, fd } of stored) this.store.put(name, fd)
    for (const [pid, program] of programs) this.programs.onSpawned(pid, program)
  }
}
