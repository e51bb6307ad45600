// Before it serves, new side: the process is about to end, and says why.

import { type HandoffError, reasonOf, type Serving } from '../errors.ts'
import type { Death } from '../io/system.ts'
import { takeOverError } from './failure.ts'

/**
 * Makes an error of a death.
 *
 * @param listenError - of the last listen that failed: the operator is told if the process dies of it.
 */
export function errorOfDeath(death: Death, listenError: unknown, serving: Serving): HandoffError {
  const cause = 'error' in death ? death.error : listenError
  const details = { stage: 'adopt', serving, cause } as const
  if (cause !== undefined && cause === listenError) {
    const reason = `${reasonOf(cause)}${remedyFor(cause, serving)}`
    return takeOverError('ERR_HANDOFF_LISTEN_FAILED', reason, details)
  }
  return 'error' in death
    ? takeOverError('ERR_HANDOFF_APP_FAILED', reasonOf(death.error), details)
    : takeOverError('ERR_HANDOFF_EXITED', `it exited with code ${death.code}`, details)
}

/** The kernel does not say who has the address; whoever may ask can be told. */
function remedyFor(cause: unknown, serving: Serving): string {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') return ''
  const old = serving === 'none' ? '' : ', or the old process on one that overlaps'
  return ` (another program listens there${old}; ss -lntup or lsof -i tells which)`
}
