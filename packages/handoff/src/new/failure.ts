// Errors of the new side.

import { HandoffError, type HandoffErrorCode, reasonOf, type Serving } from '../terms/errors.ts'
import type { Stage } from '../terms/events.ts'

/** `cannot take over: <reason>`, or `cannot start: <reason>` where there is nobody to take over from. */
export function takeOverError(
  code: HandoffErrorCode,
  reason: string,
  {
    stage,
    serving,
    cause,
    help,
  }: { stage: Stage; serving: Serving; cause?: unknown; help?: string },
): HandoffError {
  const what = serving === 'none' ? 'start' : 'take over'
  return new HandoffError(code, `cannot ${what}: ${reason}`, {
    stage,
    serving,
    ...(cause === undefined ? {} : { cause }),
    ...(help === undefined ? {} : { help }),
  })
}

/** Makes the errors of one attempt: each says in which stage it was, and who serves all the same. */
export class Failures {
  readonly #where: () => { stage: Stage; serving: Serving }

  constructor(where: () => { stage: Stage; serving: Serving }) {
    this.#where = where
  }

  make(code: HandoffErrorCode, reason: string, cause?: unknown): HandoffError {
    return takeOverError(code, reason, { ...this.#where(), cause })
  }

  /**
   * The old process has not answered in time.
   *
   * @param missing - what it did not do, as a verb.
   * @param pid - of the old process; undefined or 0 if that is not known.
   */
  unanswered(missing: string, ms: number, pid: number | undefined): HandoffError {
    const known = pid !== undefined && pid > 0
    const who = `the old process${known ? ` (pid ${pid})` : ''}`
    return takeOverError(
      'ERR_HANDOFF_TIMEOUT',
      `${who} did not ${missing} within ${ms / 1000} s: it hangs, or is stopped (SIGSTOP, a debugger)`,
      {
        ...this.#where(),
        help: `${known ? `\`kill -9 ${pid}\`` : 'kill -9'} ends it; its supervisor then starts the server again.`,
      },
    )
  }

  /** An error of the channel or of the application knows neither the stage nor who serves. */
  place(error: unknown): HandoffError {
    if (!(error instanceof HandoffError)) {
      return this.make('ERR_HANDOFF_APP_FAILED', reasonOf(error), error)
    }
    const here = this.#where()
    const { code, reason, stage = here.stage, serving = here.serving, cause } = error
    return new HandoffError(code, reason, { stage, serving, cause })
  }
}
