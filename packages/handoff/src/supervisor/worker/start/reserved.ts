// Places of other workers, for one more: bound before its process starts, which listens there.

import { reserveTcp } from '../../../io/listeners/bind-socket.ts'
import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import { close, describe, dup } from '../../../io/native/descriptors.ts'
import { joinedTo } from '../../../protocol/manifest.ts'
import { keyOfStoreName } from '../../../protocol/store-names.ts'
import { HandoffError, reasonOf } from '../../../terms/errors.ts'

/**
 * Reserves what other workers listen on and this one does not. The caller owns the descriptors, and
 * closes them when the process has its own.
 *
 * @remarks Any of the others will do: the first worker, too, may have ended and closed its listeners.
 * @param others - listeners kept for the other workers; of several at one place the first one counts.
 * @param own - the names of those kept for this worker.
 * @throws {@link HandoffError} ERR_HANDOFF_SPAWN_FAILED, where no descriptor is left.
 */
export function reserve(
  others: readonly NamedDescriptor[],
  own: ReadonlySet<string>,
): NamedDescriptor[] {
  const reserved: NamedDescriptor[] = []
  const names = new Set(own)
  try {
    for (const { name, fd } of others) {
      const key = keyOfStoreName(name)
      // One that has joined another is nobody's but that worker's.
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

/** A queue of its own where the kernel spreads connections over several, else the same one. */
function share(fd: number): number {
  const { type, family } = describe(fd)
  if (type !== 'stream' || family === 'unix') return dup(fd)
  try {
    return reserveTcp(fd)
  } catch (error) {
    // Bound by somebody else, such as systemd for a socket unit: only one user may share a place.
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return dup(fd)
    throw error
  }
}
