// Which HTTP/1.1 connections stand between two requests: the server knows, and says so in public.

import { Server } from 'node:http'
import type { Socket } from 'node:net'
import { shadow } from './shadow.ts'
import { webSocketOf } from './websocket-connection.ts'

/**
 * Picks the connections that can change process now: nothing of a request has been read that was
 * not answered, and nothing of an answer is still to be written.
 *
 * @remarks `closeIdleConnections()` destroys just those that wait for a request. So that it only
 * names them, `destroy` is shadowed meanwhile; all of this happens within one tick.
 */
export function pickQuiescent(server: Server, sockets: Iterable<Socket>): Socket[] {
  const picked = new Set<Socket>()
  const undo: (() => void)[] = []
  // To name is not to close: closeIdleConnections() takes all of the server's, so all are shadowed.
  for (const socket of sockets) {
    // Accepted, and the client has not spoken: to the server that is not idle, but new.
    // So has a WebSocket that was handed over, and is no HTTP connection.
    if (socket.bytesRead === 0 && webSocketOf(socket) === undefined) picked.add(socket)
    undo.push(
      shadow(socket, 'destroy', () => {
        picked.add(socket)
        return socket
      }),
    )
  }
  try {
    // The server's own may be shadowed, to close parked connections as well.
    Server.prototype.closeIdleConnections.call(server)
  } finally {
    for (const restore of undo) restore()
  }
  // It takes a response for finished once end() was called, flushed or not.
  return [...picked].filter(
    (socket) =>
      !socket.destroyed &&
      socket.writableLength === 0 &&
      socket.readableLength === 0 &&
      !socket.readableEnded &&
      socket.writable,
  )
}
