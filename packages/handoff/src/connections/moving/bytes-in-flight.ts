// Whether a socket stands still: nothing that was read or written is on its way in this process.

import type { Socket } from 'node:net'

/** Open both ways, and whatever reads from it or writes to it is done. */
export function isStill(socket: Socket): boolean {
  return (
    !socket.destroyed &&
    socket.writableLength === 0 &&
    socket.readableLength === 0 &&
    !socket.readableEnded &&
    socket.writable
  )
}
