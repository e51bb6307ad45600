// The libuv handle below a connected socket: its descriptor, its write queue, whether it reads.

import type { Socket } from 'node:net'

interface StreamHandle {
  readStart(): number
  readStop(): number
}

/** The handle of a connection that can be taken away from its socket. */
export interface ConnectionHandle extends StreamHandle {
  /** The descriptor, which stays the handle's; -1 once it is closed. */
  readonly fd: number
  /** How many bytes this process has read from it. */
  readonly bytesRead: number
}

/**
 * Returns the handle of an open socket. Its fields are native: each access costs a call.
 *
 * @returns undefined if this Node.js does not have the fields.
 * @see src/stream_base.cc `StreamBase::AddMethods` (Node 20 to 26)
 */
export function handleOf(socket: Socket): ConnectionHandle | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: Partial<ConnectionHandle> | null }
  const canStop = typeof handle?.readStop === 'function' && typeof handle.readStart === 'function'
  return canStop ? (handle as ConnectionHandle) : undefined
}

/**
 * Returns the descriptor of an open socket, which stays the socket's.
 *
 * @returns undefined if this Node.js does not have the fields.
 * @see src/stream_base.cc `StreamBase::GetFD` (Node 20 to 26)
 */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/**
 * Returns how many bytes this process has read from an open socket; -1 if the socket is closed, and if this Node.js
 * does not have the fields.
 *
 * @see src/stream_base.cc `StreamBase::GetBytesRead` (Node 20 to 26)
 */
export function bytesReadFrom(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { bytesRead?: number } | null }
  return handle?.bytesRead ?? -1
}

/**
 * Returns how many bytes a socket has given to libuv, and libuv not yet to the kernel.
 *
 * @returns undefined if the socket is closed, and if this Node.js does not have the fields.
 * @see src/stream_wrap.cc `LibuvStreamWrap::GetWriteQueueSize` (Node 20 to 26)
 */
export function unsentBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: unknown } | null }
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : undefined
}

/**
 * Whether a socket is one of a Unix path.
 *
 * @see lib/net.js `createHandle` (Node 20 to 26)
 */
export function isPipe(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: object | null }
  return handle?.constructor.name === 'Pipe'
}

/** Whether {@link setReading} works on this connection. */
export function canSetReading(socket: Socket): boolean {
  const handle = (socket as unknown as { _handle?: Partial<StreamHandle> | null })._handle
  return typeof handle?.readStart === 'function' && typeof handle.readStop === 'function'
}

/**
 * Stops or resumes reading from a connection, below the socket and any parser of its bytes.
 *
 * @returns false if this Node.js does not have the fields; the connection then reads on.
 * @see src/stream_base.cc `StreamBase::ReadStopJS` (Node 20 to 26)
 */
export function setReading(socket: Socket, reading: boolean): boolean {
  if (!canSetReading(socket)) return false
  const { _handle: handle } = socket as unknown as { _handle: StreamHandle }
  return (reading ? handle.readStart() : handle.readStop()) === 0
}
