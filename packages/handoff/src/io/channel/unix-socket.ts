// Stream sockets on a path: connects, and asks the kernel for the process at the other end.

import { check, loadNative } from '../native/addon.ts'
import { type Credentials, readCredentials } from '../native/scm-rights.ts'

/**
 * Connects to a Unix path (`@name`: abstract, on Linux). The caller owns the descriptor.
 *
 * @param waitMs - how long to block this thread while the backlog is full.
 * @throws a system error: `ENOENT`, `ECONNREFUSED` (no process listens), `EACCES`, `EAGAIN` (the backlog
 * is full), `ENAMETOOLONG`.
 * @internal
 */
export function connectUnix(path: string, waitMs = 0): number {
  return check(loadNative().connectUnix(path, waitMs), 'connect', { address: path })
}

/**
 * Returns the process that was at the other end when the connection was made.
 *
 * @remarks For an inherited pair that is the process that made it, at both ends.
 * @throws a system error: `ENOTCONN`, `ENOTSOCK`, `EBADF`.
 * @see SO_PEERCRED in unix(7); getpeereid(3)
 * @internal
 */
export function peerCredentials(fd: number): Credentials {
  const credentials = new Int32Array(3)
  check(loadNative().peerCredentials(fd, credentials), 'getsockopt')
  return readCredentials(credentials)
}
