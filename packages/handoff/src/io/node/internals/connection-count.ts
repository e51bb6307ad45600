// The connections that a server counts as its own.

import type { Server, Socket } from 'node:net'

/**
 * Counts a connection that the server did not accept itself among its own, so that
 * `getConnections()`, `maxConnections` and the end of `close()` are right.
 *
 * @returns false, without a change, if this Node.js does not have the fields.
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function countConnection(server: Server, socket: Socket): boolean {
  const counted = server as unknown as { _connections?: unknown }
  const owned = socket as unknown as { server: Server | null; _server: Server | null }
  if (typeof counted._connections !== 'number' || !('_server' in socket)) return false
  counted._connections += 1
  owned.server = server
  owned._server = server
  return true
}

/**
 * Moves a connection from the server that accepted it to another server.
 *
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function moveConnection(from: Server, to: Server, socket: Socket): void {
  if (countConnection(to, socket)) countSocketless(from, -1)
}

/**
 * Counts connections without a socket, the parked ones, among a server's.
 *
 * @see lib/net.js `Server.prototype.getConnections`, `onconnection` (Node 20 to 26)
 */
export function countSocketless(server: Server, by: number): void {
  const counted = server as unknown as { _connections?: unknown }
  if (typeof counted._connections === 'number') counted._connections += by
}

/**
 * Whether a server has as many connections as `maxConnections` allows.
 *
 * @see lib/net.js `onconnection` (Node 20 to 26)
 */
export function isFull(server: Server): boolean {
  const { _connections: count } = server as unknown as { _connections?: unknown }
  const { maxConnections } = server as { maxConnections?: number | null }
  return typeof count === 'number' && typeof maxConnections === 'number' && count >= maxConnections
}

/**
 * Returns the server among whose connections a socket counts.
 *
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function serverOf(socket: Socket): Server | undefined {
  return (socket as unknown as { _server?: Server | null })._server ?? undefined
}
