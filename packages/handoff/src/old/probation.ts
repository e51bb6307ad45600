// Probation, old side: how long this process stays ready to take back, drained or not.

import type { System, Timer } from '../io/system/system.ts'
import { Vigil } from './vigil.ts'

/**
 * How long the end of the probation may be put off at least while the new process does not answer, in
 * milliseconds: long enough for the supervisor to notice it.
 */
const leastHoldMs = 5_000

export interface ProbationOptions {
  readonly probationMs: number
  readonly drainTimeoutMs: number
  /** Whether the new process answers when it is asked. */
  readonly answers: boolean
}

export interface ProbationHandlers {
  /** Asks the new process to answer. */
  ask(): void
  /** The new process has not answered for so many milliseconds. */
  onSilent(ms: number): void
  /** Reads what the new process has left on the mark, and acts on it. Returns whether probation goes on. */
  look(): boolean
  /** It is over. */
  onEnd(): void
}

export class Probation {
  readonly #system: Pick<System, 'timer'>
  readonly #handlers: ProbationHandlers
  #timer: Timer | undefined
  #vigil: Vigil | undefined

  constructor(system: Pick<System, 'timer'>, handlers: ProbationHandlers) {
    this.#system = system
    this.#handlers = handlers
  }

  begin({ probationMs, drainTimeoutMs, answers }: ProbationOptions): void {
    this.stop()
    this.#timer = this.#system.timer(probationMs, () => this.#end(drainTimeoutMs))
    if (probationMs > 0 && answers) this.#vigil = new Vigil(this.#system, this.#handlers)
  }

  /** The new process has answered. */
  answered(): void {
    this.#vigil?.answered()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#vigil?.stop()
    this.#vigil = undefined
  }

  /** Not before the new process has answered once more: one that hangs by now can be taken back from. */
  #end(drainTimeoutMs: number): void {
    const { look, onEnd } = this.#handlers
    if (this.#vigil === undefined) return onEnd()
    // That it serves, or that this process is released, may stand on the mark already. The first of
    // them begins the probation anew.
    const goesOn = look()
    this.#timer?.cancel()
    if (goesOn) this.#vigil.askOnce(Math.max(drainTimeoutMs, leastHoldMs), onEnd)
  }
}
