// Starts one new process at a time, and tells how it went.

import { HandoffError, reasonOf } from '../../../terms/errors.ts'
import type { Program } from '../../program/program.ts'
import type { Report } from '../../registry/event.ts'
import type { Exit } from '../../registry/exit.ts'
import type { Failure, Outcome } from '../../registry/outcome.ts'
import { Attempt } from './attempt.ts'

export interface LauncherOptions {
  readonly readyTimeoutMs?: number | undefined
  /**
   * @param joins - rendezvous sockets at which it takes over, too.
   * @param drop - listeners of the old process that it may leave out.
   * @throws {@link HandoffError} when it cannot be started.
   */
  spawn(program: Program, joins: readonly string[], drop: readonly string[]): Promise<number>
  kill(pid: number): void
  /** Waits after a failure. Resolves with true if the start is to be tried once more. */
  mayRetry(failure: Failure): Promise<boolean>
}

export class Launcher {
  readonly #options: LauncherOptions
  #attempt: Attempt | undefined
  #busy = false
  #ends: Promise<unknown> = Promise.resolve()

  constructor(options: LauncherOptions) {
    this.#options = options
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Resolves when no start is on its way. */
  async idle(): Promise<void> {
    while (this.#busy) await this.#ends
  }

  /** The process that is on its way to serve. */
  get pid(): number | undefined {
    return this.#attempt?.pid
  }

  /**
   * Starts a process of `program` and waits until it serves or has ended.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while another one is on its way.
   */
  launch(
    program: Program,
    joins: readonly string[] = [],
    drop: readonly string[] = [],
  ): Promise<Outcome> {
    if (this.#busy) {
      const which = this.pid === undefined ? '' : ` (pid ${this.pid})`
      throw new HandoffError(
        'ERR_HANDOFF_BUSY',
        `cannot start a new process: another one${which} is on its way to serve`,
      )
    }
    this.#busy = true
    const launch = this.#launch(program, joins, drop)
    // Whoever has asked for it hears of its failure.
    this.#ends = launch.catch(() => {})
    return launch
  }

  async #launch(
    program: Program,
    ...how: [joins: readonly string[], drop: readonly string[]]
  ): Promise<Outcome> {
    try {
      for (;;) {
        const outcome = await this.#try(program, ...how)
        if (outcome.ok || !(await this.#options.mayRetry(outcome.failure))) return outcome
      }
    } finally {
      this.#busy = false
    }
  }

  async #try(
    program: Program,
    ...how: [joins: readonly string[], drop: readonly string[]]
  ): Promise<Outcome> {
    try {
      const { readyTimeoutMs, spawn, kill } = this.#options
      const { entry } = program
      const pid = await spawn(program, ...how)
      this.#attempt = new Attempt({ pid, entry, readyTimeoutMs, kill: () => kill(pid) })
      return await this.#attempt.outcome
    } catch (error) {
      const { code, message } = error instanceof HandoffError ? error : cannotStart(program, error)
      return { ok: false, failure: { code, message } }
    } finally {
      this.#attempt = undefined
    }
  }

  /** Takes note of what any process of this run reports. */
  heard(pid: number, report: Report): void {
    this.#attempt?.heard(pid, report)
  }

  /** The process on its way hangs, and is being killed. */
  hung(pid: number, reason: string): void {
    if (pid === this.pid) this.#attempt?.hung(reason)
  }

  /** Takes note of the end of any process of this run. */
  exited(pid: number, exit: Exit): void {
    if (pid === this.pid) this.#attempt?.exited(exit)
  }
}

/** An error that nobody foresaw is the failure of this start, and not the end of the supervisor. */
function cannotStart({ entry }: Program, cause: unknown): HandoffError {
  const what = `cannot start ${entry}: ${reasonOf(cause)}`
  return new HandoffError('ERR_HANDOFF_SPAWN_FAILED', what, { cause })
}
