// Takes a quiescent connection away from its socket object, without the client noticing.

import type { Socket } from 'node:net'
import { dupEach } from '../../io/native/many-connections.ts'
import {
  type ConnectionHandle,
  canSetReading,
  descriptorOf,
  setReading,
} from '../../io/node/internals/connection-handle.ts'
import { clearReason, markLeaving } from '../tracking/end-reasons.ts'

/** Whether this Node.js has the fields that are needed. */
export function canRelease(socket: Socket): boolean {
  return descriptorOf(socket) !== undefined && canSetReading(socket)
}

/**
 * Stops reading from a quiescent connection, in the tick in which it was found quiescent. It stays so
 * until it is sent, however long that takes.
 */
export function stopReading(handle: ConnectionHandle): void {
  handle.readStop()
}

/** Serves a connection again. What the client sent meanwhile waited in the kernel. */
export function resumeReading(socket: Socket): void {
  clearReason(socket)
  setReading(socket, true)
}

/**
 * Returns descriptors to send, which the caller owns.
 *
 * @remarks They are dups: a socket may be destroyed while it is on its way, by a timer or by the
 * application, and the number of its own descriptor be reused.
 * @param fds - the descriptors of the sockets.
 * @returns as many as this process has room for, from the first on.
 */
export function dupForSending(
  sockets: readonly Socket[],
  fds: readonly number[] = sockets.map((socket) => descriptorOf(socket) ?? -1),
): number[] {
  const dups = dupEach(fds)
  for (let index = 0; index < dups.length; index++) markLeaving(sockets[index] as Socket)
  return dups
}
