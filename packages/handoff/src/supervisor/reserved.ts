// Places of the first worker, for another one: bound before its process starts, which listens there.

import { HandoffError, reasonOf } from '../errors.ts'
import type { Named } from '../io/activation.ts'
import { reserveTcp } from '../io/bind.ts'
import { close, describe, dup } from '../io/descriptors.ts'
import { joinedTo } from '../protocol/manifest.ts'
import { keyOfStoreName } from '../protocol/store-names.ts'

/**
 * Reserves what the first worker listens on and the other does not. The caller owns the descriptors,
 * and closes them when the process has its own.
 *
 * @param first - listeners kept for the first worker.
 * @param own - the names of those kept for the other.
 * @throws {@link HandoffError} ERR_HANDOFF_SPAWN_FAILED, where no descriptor is left.
 */
export function reserve(first: readonly Named[], own: ReadonlySet<string>): Named[] {
  const reserved: Named[] = []
  try {
    for (const { name, fd } of first) {
      const key = keyOfStoreName(name)
      // One that has joined another is nobody's but that worker's.
      const isOwn = key === undefined || joinedTo(key) !== undefined || own.has(name)
      if (!isOwn) reserved.push({ name, fd: share(fd) })
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
