// Waits for one descriptor to have something to read.

import { check, loadNative, READABLE } from './native.ts'

/**
 * Calls back once, when the descriptor can be read or its peer has gone. Does not own it.
 *
 * @returns the undo.
 * @throws a system error, when the descriptor cannot be watched.
 */
export function whenReadable(fd: number, callback: () => void): () => void {
  const poll = new (loadNative().Poll)(fd, () => {
    poll.close()
    callback()
  })
  check(poll.start(READABLE), 'epoll_ctl')
  return () => poll.close()
}
