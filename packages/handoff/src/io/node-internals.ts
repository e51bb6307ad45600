// The only file that touches undocumented fields of Node. Each use is checked before it is relied on.

import type { Socket as DatagramSocket } from 'node:dgram'
import { type Server, Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

interface DatagramHandle {
  recvStart(): number
  recvStop(): number
}

/**
 * Tells whether a datagram socket was created as `udp6`.
 *
 * @see lib/dgram.js `Socket` (Node 20 to 26)
 */
export function isUdp6(socket: DatagramSocket): boolean {
  return (socket as unknown as { type?: unknown }).type === 'udp6'
}

/**
 * Stops or resumes reading from a bound datagram socket, which has no public way to pause: what
 * arrives meanwhile waits in the kernel, for the other process that holds the same socket.
 *
 * @returns false where this Node does not have the fields; the socket then reads on.
 * @see lib/dgram.js `kStateSymbol`, src/udp_wrap.cc `UDPWrap::RecvStop` (Node 20 to 26)
 */
export function setDatagramReading(socket: DatagramSocket, reading: boolean): boolean {
  const handle = datagramHandle(socket)
  if (handle === undefined) return false
  return (reading ? handle.recvStart() : handle.recvStop()) === 0
}

function datagramHandle(socket: DatagramSocket): DatagramHandle | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(
    (symbol) => symbol.description === 'state symbol',
  )
  if (key === undefined) return undefined
  const state = (socket as unknown as Record<symbol, { handle?: Partial<DatagramHandle> | null }>)[
    key
  ]
  const handle = state?.handle
  if (typeof handle?.recvStart !== 'function' || typeof handle.recvStop !== 'function') {
    return undefined
  }
  return handle as DatagramHandle
}

/**
 * Tells the descriptor of an open socket, which stays the socket's.
 *
 * @returns undefined where this Node does not tell.
 * @see src/stream_base.cc `StreamBase::GetFD` (Node 20 to 26)
 */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/** Whether {@link setReading} works on this connection. */
export function canSetReading(socket: Socket): boolean {
  const handle = (socket as unknown as { _handle?: Partial<StreamHandle> | null })._handle
  return typeof handle?.readStart === 'function' && typeof handle.readStop === 'function'
}

/**
 * Stops or resumes reading from a connection, below the socket and whatever parses its bytes.
 *
 * @returns false where this Node does not have the fields; it reads on then.
 * @see src/stream_base.cc `StreamBase::ReadStopJS` (Node 20 to 26)
 */
export function setReading(socket: Socket, reading: boolean): boolean {
  if (!canSetReading(socket)) return false
  const { _handle: handle } = socket as unknown as { _handle: StreamHandle }
  return (reading ? handle.readStart() : handle.readStop()) === 0
}

interface StreamHandle {
  readStart(): number
  readStop(): number
}

/**
 * Counts a connection that the server did not accept itself among its own, so that
 * `getConnections()`, `maxConnections` and the end of `close()` are right.
 *
 * @returns false where this Node does not have the fields; nothing was changed then.
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
 * Tells whether the connections of a server stay open when the client has closed its side; those
 * of an HTTP server do.
 *
 * @returns false, the default, where this Node does not tell.
 * @see lib/net.js `Server` (Node 20 to 26)
 */
export function allowsHalfOpen(server: Server): boolean {
  return (server as unknown as { allowHalfOpen?: unknown }).allowHalfOpen === true
}

/**
 * Tells the connection below a socket: that of a TLS socket, or that behind the stand-in which an
 * HTTP/2 session shows.
 *
 * @returns the socket itself where there is none, or this Node does not tell.
 * @see lib/internal/tls/wrap.js `TLSSocket.prototype._init` (Node 20 to 26)
 */
export function transportOf(socket: Socket): Socket {
  // To the stand-in all methods are those of the real one, and this one gives back its object.
  const real = socket.off('close', nothing)
  const parent = (real as unknown as { _parent?: unknown })._parent
  return parent instanceof Socket ? parent : real
}

function nothing(): void {}

/**
 * Tells whether the application chose the ticket keys of a TLS server when it made it.
 *
 * @see lib/internal/tls/wrap.js `Server.prototype.setSecureContext` (Node 20 to 26)
 */
export function hasOwnTicketKeys(server: TlsServer): boolean {
  return (server as unknown as { ticketKeys?: unknown }).ticketKeys !== undefined
}
