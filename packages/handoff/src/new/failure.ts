// Errors of the new side.

import type { Stage } from '../diagnostics.ts'
import { HandoffError, type HandoffErrorCode, type Serving } from '../errors.ts'

/** `cannot take over: <reason>`. */
export function takeOverError(
  code: HandoffErrorCode,
  reason: string,
  { stage, serving, cause }: { stage: Stage; serving: Serving; cause?: unknown },
): HandoffError {
  return new HandoffError(code, `cannot take over: ${reason}`, {
    stage,
    serving,
    ...(cause === undefined ? {} : { cause }),
  })
}
