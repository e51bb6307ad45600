// Looks on while someone else reads a socket.

import type { Socket } from 'node:net'

/**
 * Shows every piece of data to a listener before those who read it.
 *
 * @remarks A data listener makes a socket flow; so this one waits for the first of another, or
 * what comes before anybody reads would be lost.
 */
export function watchData(socket: Socket, listener: (data: Buffer) => void): void {
  if (socket.listenerCount('data') > 0) {
    socket.prependListener('data', listener)
    return
  }
  const begin = (event: string | symbol) => {
    if (event !== 'data' && event !== 'readable') return
    socket.off('newListener', begin)
    socket.prependListener('data', listener)
  }
  socket.on('newListener', begin)
}
