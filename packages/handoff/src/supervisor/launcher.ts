// Starts one new process at a time, and tells how it went.

import { HandoffError } from '../errors.ts'
import { Attempt, type Outcome } from './attempt.ts'
import type { Report } from './event.ts'
import type { Exit } from './exit.ts'
import type { Program } from './program.ts'

export interface LauncherOptions {
  readonly readyTimeoutMs?: number | undefined
  /** @throws {@link HandoffError} when it cannot be started. */
  spawn(program: Program): Promise<number>
  kill(pid: number): void
}

export class Launcher {
  readonly #options: LauncherOptions
  #attempt: Attempt | undefined
  #busy = false

  constructor(options: LauncherOptions) {
    this.#options = options
  }

  get busy(): boolean {
    return this.#busy
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
  launch(program: Program): Promise<Outcome> {
    if (this.#busy) {
      const which = this.pid === undefined ? '' : ` (pid ${this.pid})`
      throw new HandoffError(
        'ERR_HANDOFF_BUSY',
        `cannot start a new process: another one${which} is on its way to serve`,
      )
    }
    this.#busy = true
    return this.#launch(program)
  }

  async #launch(program: Program): Promise<Outcome> {
    try {
      const { readyTimeoutMs, spawn, kill } = this.#options
      const { entry } = program
      const pid = await spawn(program)
      this.#attempt = new Attempt({ pid, entry, readyTimeoutMs, kill: () => kill(pid) })
      return await this.#attempt.outcome
    } catch (error) {
      if (!(error instanceof HandoffError)) throw error
      const { code, message } = error
      return { ok: false, failure: { code, message } }
    } finally {
      this.#attempt = undefined
      this.#busy = false
    }
  }

  /** Takes note of what any process of this run reports. */
  heard(pid: number, report: Report): void {
    this.#attempt?.heard(pid, report)
  }

  /** Takes note of the end of any process of this run. */
  exited(pid: number, exit: Exit): void {
    if (pid === this.pid) this.#attempt?.exited(exit)
  }
}
