// Checks that no bytes of a socket are on their way in this process.

import type { Socket } from 'node:net'

/** Whether a socket is open both ways, and all that was read or written has left its buffers. */
export function hasNoBytesInFlight(socket: Socket): boolean {
  // One that is destroyed is not writable.
  return (
    socket.writable &&
    socket.writableLength === 0 &&
    socket.readableLength === 0 &&
    !socket.readableEnded
  )
}
