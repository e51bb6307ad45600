// The step in which a listening handle gets a connection that was accepted.

import type { ListeningHandle } from './server-handle.ts'

/** The type of a handle of a connection: `TCPConstants.SOCKET`, `PipeConstants.SOCKET`. */
const CONNECTION = 0

/** A listening handle (`TCP` or `Pipe`) with the members that accepting needs. */
interface AcceptingHandle extends ListeningHandle {
  readonly fd: number
  readonly constructor: new (type: number) => ConnectionHandle
  readonly onconnection: ConnectionCallback
}

/** The libuv handle of one connection. */
export interface ConnectionHandle {
  /** Returns 0, or -errno. */
  open(fd: number): number | undefined
}

/** What libuv calls for each connection: `status` is 0, or -errno and then there is no connection. */
export type ConnectionCallback = (status: number, connection: ConnectionHandle) => void

/**
 * Returns the descriptor of a listening handle, which stays the handle's.
 *
 * @returns undefined if the handle is closed, or has none; and if this Node.js does not have the members
 * that {@link connectionHandle} and {@link connectionCallback} need.
 * @see src/stream_base.cc `StreamBase::GetFD`, src/connection_wrap.cc (Node 20 to 26)
 */
export function listeningDescriptor(handle: ListeningHandle | null): number | undefined {
  const { fd, onconnection, open } = (handle ?? {}) as Partial<AcceptingHandle & ConnectionHandle>
  const isKnown = typeof onconnection === 'function' && typeof open === 'function'
  return isKnown && typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/**
 * Makes the handle of a connection, of the same class as the listening one.
 *
 * @param fd - owned by the handle.
 * @returns undefined, and the descriptor stays the caller's, if libuv refuses it.
 * @see src/tcp_wrap.cc `TCPWrap::Open`, src/pipe_wrap.cc `PipeWrap::Open` (Node 20 to 26)
 */
export function connectionHandle(
  listening: ListeningHandle,
  fd: number,
): ConnectionHandle | undefined {
  const { constructor: Handle } = listening as AcceptingHandle
  const connection = new Handle(CONNECTION)
  return (connection.open(fd) ?? 0) === 0 ? connection : undefined
}

/**
 * Returns what libuv would call for each connection, bound to its handle: a bound function has no frame in
 * a stack.
 *
 * @see lib/net.js `onconnection` (Node 20 to 26)
 */
export function connectionCallback(listening: ListeningHandle): ConnectionCallback {
  return (listening as AcceptingHandle).onconnection.bind(listening)
}
