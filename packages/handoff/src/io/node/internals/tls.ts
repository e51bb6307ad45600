// TLS sockets and servers: the connection below, and the ticket keys of the application.

import { Socket } from 'node:net'
import type { Server } from 'node:tls'

/**
 * Returns the connection below a TLS socket.
 *
 * @returns undefined if there is none, and if this Node.js does not have the field.
 * @see lib/internal/tls/wrap.js `TLSSocket.prototype._init` (Node 20 to 26)
 */
export function parentOf(socket: Socket): Socket | undefined {
  const parent = (socket as unknown as { _parent?: unknown })._parent
  return parent instanceof Socket ? parent : undefined
}

/** Returns the connection below a socket, or the socket itself. */
export function transportOf(socket: Socket): Socket {
  return parentOf(socket) ?? socket
}

/**
 * Whether the application chose the ticket keys of a TLS server when it made the server.
 *
 * @see lib/internal/tls/wrap.js `Server.prototype.setSecureContext` (Node 20 to 26)
 */
export function hasOwnTicketKeys(server: Server): boolean {
  return (server as unknown as { ticketKeys?: unknown }).ticketKeys !== undefined
}
