// The state of a datagram socket: how it is to be bound, whether it reads, when it closes.

import type { Socket } from 'node:dgram'

interface DatagramHandle {
  recvStart(): number
  recvStop(): number
  close(): void
}

/**
 * Whether a datagram socket was created as `udp6`.
 *
 * @see lib/dgram.js `Socket` (Node 20 to 26)
 */
export function isUdp6(socket: Socket): boolean {
  return (socket as unknown as { type?: unknown }).type === 'udp6'
}

/**
 * Stops or resumes reading from a bound datagram socket, which has no public way to pause. What
 * arrives meanwhile waits in the kernel, for the other process that holds the same socket.
 *
 * @returns false if this Node.js does not have the fields; the socket then reads on.
 * @see lib/dgram.js `kStateSymbol`, src/udp_wrap.cc `UDPWrap::RecvStop` (Node 20 to 26)
 */
export function setDatagramReading(socket: Socket, reading: boolean): boolean {
  const handle = datagramHandle(socket)
  if (handle === undefined) return false
  return (reading ? handle.recvStart() : handle.recvStop()) === 0
}

/** Options of `dgram.createSocket` for the bind to come; absent if this Node.js does not have the fields. */
export interface DatagramOptions {
  reuseAddr?: boolean
  reusePort?: boolean
  ipv6Only?: boolean
}

/**
 * Returns how an unbound datagram socket is to be bound.
 *
 * @returns undefined if the socket is bound, binding or closed.
 * @see lib/dgram.js `Socket` (Node 20 to 26)
 */
export function unboundDatagramOptions(socket: Socket): DatagramOptions | undefined {
  const { handle, bindState, reuseAddr, reusePort, ipv6Only } = datagramState(socket)
  if (handle === null || (bindState !== undefined && bindState !== 0)) return undefined
  return {
    ...(reuseAddr === true && { reuseAddr }),
    ...(reusePort === true && { reusePort }),
    ...(ipv6Only === true && { ipv6Only }),
  }
}

/**
 * Whether a datagram socket was closed. Known before its `close` event.
 *
 * @see lib/dgram.js `Socket.prototype.close` (Node 20 to 26)
 */
export function isClosedDatagram(socket: Socket): boolean {
  return datagramState(socket).handle === null
}

/**
 * Calls back before the program closes a datagram socket, in whatever way.
 *
 * @returns false if this Node.js does not have the fields.
 * @see lib/dgram.js `Socket.prototype.close` (Node 20 to 26)
 */
export function observeDatagramClose(socket: Socket, onClose: () => void): boolean {
  const { handle } = datagramState(socket)
  if (typeof handle?.close !== 'function') return false
  const { close } = handle
  const value = (...args: unknown[]) => {
    onClose()
    return Reflect.apply(close, handle, args)
  }
  Object.defineProperty(handle, 'close', { value, configurable: true, writable: true })
  return true
}

interface DatagramState extends DatagramOptions {
  handle?: Partial<DatagramHandle> | null
  /** 0: unbound. */
  bindState?: unknown
}

function datagramState(socket: Socket): DatagramState {
  const key = Object.getOwnPropertySymbols(socket).find(
    (symbol) => symbol.description === 'state symbol',
  )
  if (key === undefined) return {}
  return (socket as unknown as Record<symbol, DatagramState | undefined>)[key] ?? {}
}

function datagramHandle(socket: Socket): DatagramHandle | undefined {
  const { handle } = datagramState(socket)
  if (typeof handle?.recvStart !== 'function' || typeof handle.recvStop !== 'function') {
    return undefined
  }
  return handle as DatagramHandle
}
