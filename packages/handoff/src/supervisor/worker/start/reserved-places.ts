// Binds the places of other workers for one more worker, before its process starts.

import { reserveTcp } from '../../../io/listeners/bind-socket.ts'
import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import { close, describe, dup } from '../../../io/native/descriptors.ts'
import { joinedTo } from '../../../protocol/manifest.ts'
import { keyOfStoreName } from '../../../protocol/store-names.ts'
import { HandoffError, reasonOf } from '../../../terms/errors.ts'

/**
 * Reserves the places at which other workers listen and this one does not. The caller owns the
 * descriptors, and closes them when the process has its own.
 *
 * @remarks All other workers count: the first one may have ended and closed its listeners.
 * @param others - listeners kept for the other workers. Of several at one place the first one counts.
 * @param own - the names of the listeners kept for this worker.
 * @throws {@link HandoffError} ERR_HANDOFF_SPAWN_FAILED if no descriptor is left.
 */
export function reservePlaces(
  others: readonly NamedDescriptor[],
  own: ReadonlySet<string>,
): NamedDescriptor[] {
  const reserved: NamedDescriptor[] = []
  const names = new Set(own)
  try {
    for (const { name, fd } of others) {
      const key = keyOfStoreName(name)
      // A listener that has joined another one belongs to that worker alone.
      if (key === undefined || joinedTo(key) !== undefined || names.has(name)) continue
      reserved.push({ name, fd: share(fd) })
      names.add(name)
    }
    return reserved
  } catch (cause) {
    for (const { fd } of reserved) close(fd)
    const reason = `cannot bind for one more worker: ${reasonOf(cause)}`
    throw new HandoffError('ERR_HANDOFF_SPAWN_FAILED', reason, { cause })
  }
}

/** Gives the worker a queue of its own if the kernel spreads connections over several, else the same one. */
function share(fd: number): number {
  const { type, family } = describe(fd)
  if (type !== 'stream' || family === 'unix') return dup(fd)
  try {
    return reserveTcp(fd)
  } catch (error) {
    // Bound by another user, such as systemd for a socket unit: one user alone may share a place.
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return dup(fd)
    throw error
  }
}
