// Takes a quiescent connection away from its socket object, without the client noticing.

import type { Socket } from 'node:net'
import { dupEach } from '../../io/native/many-connections.ts'
import {
  canSetReading,
  descriptorOf,
  setReading,
} from '../../io/node/internals/connection-handle.ts'
import { clearReason, markLeaving } from '../tracking/end-reasons.ts'

/** Whether this Node.js has the fields that are needed. */
export function canRelease(socket: Socket): boolean {
  return descriptorOf(socket) !== undefined && canSetReading(socket)
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
 * @param leaving - sockets, and their descriptors, which stay theirs.
 * @returns as many as this process has room for, from the first on.
 */
export function dupForSending(
  leaving: readonly { readonly socket: Socket; readonly fd: number | undefined }[],
): Int32Array {
  const fds = new Int32Array(leaving.length)
  for (let index = 0; index < fds.length; index++) fds[index] = leaving[index]?.fd ?? -1
  const dups = dupEach(fds)
  for (let index = 0; index < dups.length; index++) {
    markLeaving((leaving[index] as { socket: Socket }).socket)
  }
  return dups
}
