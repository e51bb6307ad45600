// TLS sockets and servers: the connection below, and the ticket keys of the application.

import { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'

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
  const { _parent: parent } = socket as unknown as { _parent?: unknown }
  return parent instanceof Socket ? parent : socket
}

/**
 * Whether the application has begun TLS on a socket (STARTTLS): `new TLSSocket(socket)`. What the socket reads and
 * writes from then on are records, of which it knows nothing itself.
 *
 * @see lib/internal/tls/wrap.js `defineHandleReading` (Node 20 to 26)
 */
export function isBelowTls(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: object | null }
  if (handle === null || handle === undefined) return false
  return Object.getOwnPropertyDescriptor(handle, 'reading')?.get !== undefined
}

/**
 * Whether the application chose the ticket keys of a TLS server when it made the server.
 *
 * @see lib/internal/tls/wrap.js `Server.prototype.setSecureContext` (Node 20 to 26)
 */
export function hasOwnTicketKeys(server: Server): boolean {
  return (server as unknown as { ticketKeys?: unknown }).ticketKeys !== undefined
}

/**
 * Keeps the HTTP parser of Node.js from reading a connection below its socket object, where TLS records come. It
 * reads the socket's data instead.
 *
 * @see lib/_http_server.js `connectionListenerInternal` (Node 20 to 26)
 */
export function keepParserOffHandle(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle: { _consumed?: boolean } | null }
  if (handle !== null) handle._consumed = true
}

/**
 * Puts the prototype of TLSSocket below another one, so that `instanceof` holds. Its constructor is not called.
 *
 * @param prototype - of a class that extends `net.Socket`, as TLSSocket does, and that overrides what TLSSocket has.
 */
export function inheritFromTlsSocket(prototype: Socket, base: typeof TLSSocket): void {
  if (Object.getPrototypeOf(prototype) === base.prototype) return
  Object.setPrototypeOf(prototype, base.prototype)
  // Some programs compare names.
  const named = { value: base, writable: true, configurable: true }
  Object.defineProperty(prototype, 'constructor', named)
}
