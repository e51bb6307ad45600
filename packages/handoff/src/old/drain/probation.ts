// Probation, old side: how long this process stays able to take back, drained or not.

import type { System, Timer } from '../../io/system/system.ts'
import { Liveness } from './liveness.ts'

/**
 * How long the end of probation waits at least for an answer of the new process, in milliseconds: long
 * enough for the supervisor to notice that it hangs.
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
  readMark(): boolean
  /** Probation is over. */
  onEnd(): void
}

export class Probation {
  readonly #system: Pick<System, 'timer'>
  readonly #handlers: ProbationHandlers
  #timer: Timer | undefined
  #liveness: Liveness | undefined

  constructor(system: Pick<System, 'timer'>, handlers: ProbationHandlers) {
    this.#system = system
    this.#handlers = handlers
  }

  begin({ probationMs, drainTimeoutMs, answers }: ProbationOptions): void {
    this.stop()
    this.#timer = this.#system.timer(probationMs, () => this.#end(drainTimeoutMs))
    if (probationMs > 0 && answers) this.#liveness = new Liveness(this.#system, this.#handlers)
  }

  /** The new process has answered. */
  noteAnswer(): void {
    this.#liveness?.noteAnswer()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#liveness?.stop()
    this.#liveness = undefined
  }

  /** Ends probation once the new process has answered again: from one that hangs this process can take back. */
  #end(drainTimeoutMs: number): void {
    const { readMark, onEnd } = this.#handlers
    if (this.#liveness === undefined) return onEnd()
    // The mark may say already that the new process serves, which begins probation anew, or that this
    // process is released.
    const goesOn = readMark()
    this.#timer?.cancel()
    if (goesOn) this.#liveness.askOnce(Math.max(drainTimeoutMs, leastHoldMs), onEnd)
  }
}
