// Before it serves, new side: the process is about to end, and says why.

import { type HandoffError, reasonOf, type Serving } from '../errors.ts'
import type { Death } from '../io/system.ts'
import { takeOverError } from './failure.ts'

/**
 * Makes an error of a death.
 *
 * @param listenError - of the last listen that failed: the operator is told if the process dies of it.
 */
export function errorOfDeath(
  { code, exception }: Death,
  listenError: unknown,
  serving: Serving,
): HandoffError {
  const cause = exception === undefined ? listenError : exception.error
  const details = { stage: 'adopt', serving, cause } as const
  if (cause !== undefined && (cause === listenError || isListenError(cause))) {
    const reason = `${reasonOf(cause)}${remedyFor(cause, serving)}`
    return takeOverError('ERR_HANDOFF_LISTEN_FAILED', reason, details)
  }
  return exception === undefined
    ? takeOverError('ERR_HANDOFF_EXITED', `it exited with code ${code}`, details)
    : takeOverError('ERR_HANDOFF_APP_FAILED', reasonOf(cause), details)
}

/** Node.js's own error of a listen or a bind. */
function isListenError(error: unknown): boolean {
  const { syscall } = error as Partial<NodeJS.ErrnoException>
  return error instanceof Error && (syscall === 'listen' || syscall === 'bind')
}

/** The kernel does not say who has the address; whoever may ask can be told. */
function remedyFor(cause: unknown, serving: Serving): string {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') return ''
  const old = serving === 'none' ? '' : ', or the old process on one that overlaps'
  return ` (another program listens there${old}; ss -lntup or lsof -i tells which)`
}
