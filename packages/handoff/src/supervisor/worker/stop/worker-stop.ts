// The stop of a worker: whether it has begun, how long it may take, what is announced.

import { HandoffError } from '../../../terms/errors.ts'
import type { Generations } from '../../processes/generations.ts'
import type { Timeouts } from '../../program/environment.ts'
import type { Report } from '../../registry/process-report.ts'
import type { Failure } from '../../registry/start-result.ts'
import type { Announcement } from '../../text/announcements.ts'
import * as say from '../../text/announcements.ts'
import { Shutdown } from './shutdown.ts'

export interface WorkerStopOptions {
  /** Of the run. */
  readonly name: string
  readonly timeouts: Pick<Timeouts, 'drainTimeoutMs' | 'stopPatienceMs'>
  announce(line: Announcement): void
}

export class WorkerStop {
  readonly #generations: Generations
  readonly #options: WorkerStopOptions
  readonly #onStuck: (code: number) => void
  #shutdown: Shutdown | undefined

  /** @param onStuck - called with the exit code if processes were killed and do not end. */
  constructor(
    generations: Generations,
    options: WorkerStopOptions,
    onStuck: (code: number) => void,
  ) {
    this.#generations = generations
    this.#options = options
    this.#onStuck = onStuck
  }

  get hasBegun(): boolean {
    return this.#shutdown !== undefined
  }

  /** How long the processes may still take, in milliseconds; 0 before the stop. */
  get leftMs(): number {
    return this.#shutdown?.leftMs ?? 0
  }

  /** The exit code of the supervisor. */
  get code(): number {
    return this.#shutdown?.code ?? 0
  }

  /** Why no start and no reload succeeds any more; undefined before the stop. */
  get failure(): Failure | undefined {
    if (!this.hasBegun) return undefined
    const { code, message } = stoppingError(this.#options.name)
    return { code, message }
  }

  /** Asks every process to drain and exit. */
  begin(): void {
    const { timeouts, announce } = this.#options
    const { drainTimeoutMs, stopPatienceMs } = timeouts
    const generations = this.#generations
    this.#shutdown = new Shutdown(generations, {
      drainTimeoutMs,
      patienceMs: stopPatienceMs,
      onImpatient: () => {
        generations.refresh()
        const processes = [...generations.registry.processes.values()]
        announce(say.waitsNoLonger(processes, stopPatienceMs ?? 0))
      },
      onDeadline: () => announce(say.stopDeadline()),
      onStuck: (pids) => {
        announce(say.stuck(pids))
        this.#onStuck(Math.max(1, this.code))
      },
    })
  }

  /** Kills every process. The supervisor exits with `code`. */
  kill(code: number): void {
    this.#shutdown?.kill(code)
  }

  /** Takes note of a report of any process of this worker. */
  onReport(pid: number, { extendMs, alive }: Report): void {
    this.#shutdown?.ask(pid)
    // With each sign of life an old process reports the end of its probation, which ends with the stop.
    if (extendMs !== undefined && alive === undefined) this.#shutdown?.extend(extendMs)
  }

  /** Every process has ended. */
  end(): void {
    this.#shutdown?.close()
  }
}

/** Why no process is started. */
export function stoppingError(name: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_STOPPING', `cannot reload ${name}: it is stopping`)
}
