// Connects to a Unix socket only if the kernel reports that a trusted user listens on it.

import { HandoffError } from '../../terms/errors.ts'
import { close } from '../native/descriptors.ts'
import { connectUnix, peerCredentials } from './unix-socket.ts'

/**
 * Connects to the socket of a run. Asks the kernel for the user that listens there before anything is
 * sent or read. The caller owns the descriptor.
 *
 * @param owner - the uid of the run. Root is trusted, too.
 * @throws {@link HandoffError} ERR_HANDOFF_DIRECTORY_UNSAFE if another user listens there.
 * @throws a system error: `ENOENT`, `ECONNREFUSED` (no process listens), `EACCES`, `EAGAIN` (the backlog
 * is full).
 * @internal
 */
export function connectTrusted(path: string, owner: number): number {
  const fd = connectUnix(path)
  try {
    const { uid } = peerCredentials(fd)
    if (uid === owner || uid === 0) return fd
    const reason = `uid ${uid} listens on it, not uid ${owner}`
    throw new HandoffError('ERR_HANDOFF_DIRECTORY_UNSAFE', `cannot use ${path}: ${reason}`)
  } catch (error) {
    close(fd)
    throw error
  }
}

/**
 * Returns whether a process listens on the socket.
 *
 * @throws as {@link connectTrusted}, without `ENOENT` and `ECONNREFUSED`.
 * @internal
 */
export function isAnswered(path: string, owner: number): boolean {
  try {
    close(connectTrusted(path, owner))
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return false
    if (code === 'EAGAIN') return true
    throw error
  }
}
