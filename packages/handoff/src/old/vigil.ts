// Probation, old side: whether the new process still answers.

import type { System, Timer } from '../io/system/system.ts'

/** How often the new process is asked, in milliseconds. */
const intervalMs = 1_000
/** How many questions in a row may be without an answer: as long as the supervisor waits (hung-processes.ts). */
const patience = 5

export interface VigilHandlers {
  /** Sends the question. */
  ask(): void
  /** The new process has not answered for so many milliseconds. */
  onSilent(ms: number): void
}

/** Asks at an interval. Silence is counted in questions: while this process itself stands still, it asks none. */
export class Vigil {
  readonly #system: Pick<System, 'timer'>
  readonly #handlers: VigilHandlers
  #timer: Timer | undefined
  #deadline: Timer | undefined
  #unanswered = 0
  #reported = false
  #onAnswer: (() => void) | undefined

  constructor(system: Pick<System, 'timer'>, handlers: VigilHandlers) {
    this.#system = system
    this.#handlers = handlers
    this.#wait()
  }

  /** The new process has answered. */
  answered(): void {
    this.#unanswered = 0
    this.#reported = false
    this.#onAnswer?.()
  }

  /** Asks now, and calls back at the answer, or after `ms` without one. */
  askOnce(ms: number, callback: () => void): void {
    const end = () => {
      this.stop()
      callback()
    }
    this.#onAnswer = end
    this.#deadline = this.#system.timer(ms, end)
    this.#handlers.ask()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#deadline?.cancel()
    this.#onAnswer = undefined
  }

  #wait(): void {
    this.#timer = this.#system.timer(
      intervalMs,
      () => {
        this.#wait()
        if (this.#unanswered >= patience && !this.#reported) {
          this.#reported = true
          this.#handlers.onSilent(patience * intervalMs)
        }
        this.#unanswered += 1
        this.#handlers.ask()
      },
      true,
    )
  }
}
