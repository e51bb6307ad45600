// Errors of the old side: each says in which stage it was, and that the old process serves.

import { HandoffError, type HandoffErrorCode, reasonOf } from '../terms/errors.ts'
import type { ProcessStage, Stage } from '../terms/events.ts'

/** `cannot hand over: <reason>`. */
export function handOverError(
  code: HandoffErrorCode,
  reason: string,
  details: { stage: HandoffError['stage']; cause?: unknown },
): HandoffError {
  const { stage, cause } = details
  return new HandoffError(code, `cannot hand over: ${reason}`, {
    ...(stage === undefined ? {} : { stage }),
    serving: 'old',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Where a handoff stands, and with whom. */
export interface Situation {
  readonly stage: ProcessStage
  /** Of the new process, as messages call it. */
  readonly name: string
  /** Whether this process ends without a successor. */
  readonly stops: boolean
}

/** Makes the errors of the handoff that is under way. */
export class Failures {
  readonly #situation: () => Situation

  constructor(situation: () => Situation) {
    this.#situation = situation
  }

  /** The stage in which something fails. */
  get stage(): Stage {
    const { stage } = this.#situation()
    return stage === 'serving' ? 'offer' : stage
  }

  make(code: HandoffErrorCode, reason: string, cause?: unknown): HandoffError {
    return handOverError(code, reason, { stage: this.stage, cause })
  }

  /** The end of the channel. */
  gone(): HandoffError {
    return this.make('ERR_HANDOFF_PEER_GONE', `${this.#situation().name} is gone`)
  }

  /** What another process that wants to take over is told. */
  busy(): HandoffError {
    const { stops, name } = this.#situation()
    return stops
      ? this.make('ERR_HANDOFF_STOPPING', 'this process is stopping')
      : this.make('ERR_HANDOFF_BUSY', `${name} is taking over already`)
  }

  /** An error of the channel knows neither the stage nor who serves. */
  place(error: unknown): HandoffError {
    const { code, reason, cause } =
      error instanceof HandoffError
        ? error
        : this.make('ERR_HANDOFF_PROTOCOL', reasonOf(error), error)
    return new HandoffError(code, reason, { stage: this.stage, serving: 'old', cause })
  }
}
