// Makes the errors of one handoff: each names its stage, and which process serves.

import { describeException, withPlace } from '../terms/describe-exception.ts'
import {
  HandoffError,
  type HandoffErrorCode,
  type HandoffErrorDetails,
  reasonOf,
  type Serving,
} from '../terms/errors.ts'
import type { Stage } from '../terms/stage.ts'

/** What a process cannot do: the verb of the message. */
export type Action = 'hand over' | 'take over' | 'start'

/** Returns what a new process cannot do: if no old process serves, there is nothing to take over. */
export function newAction(serving: Serving): Action {
  return serving === 'none' ? 'start' : 'take over'
}

/** Where a handoff stands. */
export interface Situation {
  readonly action: Action
  readonly stage: Stage
  readonly serving: Serving
}

/** What an error adds to its reason. */
export type ErrorExtras = Pick<HandoffErrorDetails, 'cause' | 'help'>

/** Makes an error `cannot <action>: <reason>`. */
export function handoffError(
  code: HandoffErrorCode,
  reason: string,
  { action, stage, serving }: Situation,
  { cause, help }: ErrorExtras = {},
): HandoffError {
  return new HandoffError(code, `cannot ${action}: ${reason}`, {
    ...{ stage, serving },
    ...(cause === undefined ? {} : { cause }),
    ...(help === undefined ? {} : { help }),
  })
}

export class Failures {
  readonly #situation: () => Situation
  readonly #unknown: HandoffErrorCode

  /**
   * @param situation - returns where the handoff stands now.
   * @param unknown - the code for errors that are not ours.
   */
  constructor(situation: () => Situation, unknown: HandoffErrorCode) {
    this.#situation = situation
    this.#unknown = unknown
  }

  /** The stage in which something fails now. */
  get stage(): Stage {
    return this.#situation().stage
  }

  make(code: HandoffErrorCode, reason: string, extras?: ErrorExtras): HandoffError {
    return handoffError(code, reason, this.#situation(), extras)
  }

  /**
   * Returns the error with stage and serving process, which one of a channel or an application lacks. One of the
   * application gets the place where it was thrown.
   */
  place(error: unknown): HandoffError {
    if (!(error instanceof HandoffError)) {
      const isKnown = error instanceof Error && this.#unknown === 'ERR_HANDOFF_APP_FAILED'
      const reason = isKnown ? describeException(error) : reasonOf(error)
      return this.make(this.#unknown, reason, { cause: error })
    }
    const here = this.#situation()
    const { code, reason, stage = here.stage, serving = here.serving, cause } = error
    const what = code === 'ERR_HANDOFF_UNHEALTHY' ? withPlace(reason, cause) : reason
    return new HandoffError(code, what, { stage, serving, cause })
  }
}
