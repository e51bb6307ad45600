// Makes the error of a new process that ends before it serves.

import { holderOfPort } from '../io/listeners/listening-ports.ts'
import type { Death } from '../io/system/system.ts'
import { handoffError, newAction } from '../talk/failures.ts'
import { describeException } from '../terms/describe-exception.ts'
import { type HandoffError, reasonOf, type Serving } from '../terms/errors.ts'

/**
 * Makes the error of a process that ends.
 *
 * @param listenError - the error of the last listen that failed: the operator learns if it ended the process.
 */
export function errorOfDeath(
  { code, exception }: Death,
  listenError: unknown,
  serving: Serving,
): HandoffError {
  const cause = exception === undefined ? listenError : exception.error
  const situation = { action: newAction(serving), stage: 'adopt', serving } as const
  const extras = { cause }
  if (cause !== undefined && (cause === listenError || isListenError(cause))) {
    const reason = `${reasonOf(cause)}${remedyFor(cause, serving)}`
    return handoffError('ERR_HANDOFF_LISTEN_FAILED', reason, situation, extras)
  }
  return exception === undefined
    ? handoffError('ERR_HANDOFF_EXITED', `it exited with code ${code}`, situation, extras)
    : handoffError('ERR_HANDOFF_APP_FAILED', describeException(cause), situation, extras)
}

/** Whether it is Node.js's own error of a listen or a bind. */
function isListenError(error: unknown): boolean {
  const { syscall } = error as Partial<NodeJS.ErrnoException>
  return error instanceof Error && (syscall === 'listen' || syscall === 'bind')
}

/** Returns which process has the address, as far as the kernel says so. */
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
  return ` (another program listens there${old}; ss -lntup or lsof -i shows which)`
}
