// Before it serves, new side: the process is about to end, and says why.

import { holderOfPort } from '../io/listeners/listening-ports.ts'
import type { Death } from '../io/system/system.ts'
import { type HandoffError, reasonOf, type Serving } from '../terms/errors.ts'
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

/** Says which process has the address, as far as the kernel says so. */
function remedyFor(cause: unknown, serving: Serving): string {
  const { code, port } = cause as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE') return ''
  const holder = port === undefined ? undefined : holderOfPort(port)
  if (holder?.isOurs) {
    return (
      ` (an older process of this server, pid ${holder.pid}, listens there and does not hand it over:` +
      ' HANDOFF_IGNORE leaves it out, it listens in a child or a worker thread, or the addresses' +
      ' overlap; hand it over, use port 0 or reusePort, or stop and start)'
    )
  }
  if (holder !== undefined) {
    return ` (another program listens there: ${holder.name}, pid ${holder.pid})`
  }
  const old = serving === 'none' ? '' : ', or the old process on one that overlaps'
  return ` (another program listens there${old}; ss -lntup or lsof -i tells which)`
}
