// Probation, old side: checks at an interval whether the new process still answers.

import type { System, Timer } from '../../io/system/system.ts'

/** How often the new process is asked, in milliseconds. */
const intervalMs = 1_000
/** How many questions in a row may stay without an answer: as long as the supervisor waits (hung-processes.ts). */
const mostUnanswered = 5

export interface LivenessHandlers {
  /** Sends the question. */
  ask(): void
  /** The new process has not answered for so many milliseconds. */
  onSilent(ms: number): void
}

/** Asks at an interval. It counts silence in questions: while this process is stopped itself, it asks none. */
export class Liveness {
  readonly #system: Pick<System, 'timer'>
  readonly #handlers: LivenessHandlers
  #timer: Timer | undefined
  #deadline: Timer | undefined
  #unanswered = 0
  #reported = false
  #onAnswer: (() => void) | undefined

  constructor(system: Pick<System, 'timer'>, handlers: LivenessHandlers) {
    this.#system = system
    this.#handlers = handlers
    this.#askAtInterval()
  }

  /** The new process has answered. */
  noteAnswer(): void {
    this.#unanswered = 0
    this.#reported = false
    this.#onAnswer?.()
  }

  /** Asks now, and calls back when the answer comes, or after `ms` without one. */
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

  #askAtInterval(): void {
    this.#timer = this.#system.timer(
      intervalMs,
      () => {
        this.#askAtInterval()
        if (this.#unanswered >= mostUnanswered && !this.#reported) {
          this.#reported = true
          this.#handlers.onSilent(mostUnanswered * intervalMs)
        }
        this.#unanswered += 1
        this.#handlers.ask()
      },
      true,
    )
  }
}
