// A connection leaves the socket object of this process without the client noticing.

import type { Socket } from 'node:net'
import { dup } from '../io/descriptors.ts'
import { descriptorOf, setReading } from '../io/node-internals.ts'
import { markAway, unmark } from './marks.ts'

/**
 * Stops reading from a quiescent connection, in the tick in which it was found quiescent: from then
 * on it stays so, however long it takes to be sent.
 *
 * @returns false where this Node does not have the fields; nothing was changed then.
 */
export function still(socket: Socket): boolean {
  return descriptorOf(socket) !== undefined && setReading(socket, false)
}

/** Reads on; what the client sent meanwhile waited in the kernel. */
export function resume(socket: Socket): void {
  unmark(socket)
  if (!socket.destroyed) setReading(socket, true)
}

/**
 * Gives a descriptor to send, which the caller owns. The socket may be destroyed while it is on its
 * way, by a timer or by the application, and its own number be reused; so what is sent is a dup.
 *
 * @returns undefined when the socket was destroyed already.
 * @throws the system's error: `EMFILE`.
 */
export function departing(socket: Socket): number | undefined {
  const own = socket.destroyed ? undefined : descriptorOf(socket)
  if (own === undefined) return undefined
  const fd = dup(own)
  markAway(socket)
  return fd
}

/**
 * How many sockets are dropped in one turn of the event loop: one costs about 35 µs, and requests
 * that are still under way must not wait for thousands.
 */
const dropsPerTurn = 50

/** Drops the sockets of connections that are another process's by now, a few at a time. */
export class Dropper {
  readonly #onDropped: () => void
  readonly #sockets: Socket[] = []

  /** @param onDropped - told when some are gone, and with them their descriptors. */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped
  }

  /** Destroys, and never ends: a plain close(2), and no FIN while another holds the connection. */
  drop(socket: Socket): void {
    this.#sockets.push(socket)
    if (this.#sockets.length === 1) setImmediate(() => this.#dropSome())
  }

  #dropSome(): void {
    for (const socket of this.#sockets.splice(0, dropsPerTurn)) socket.destroy()
    if (this.#sockets.length > 0) setImmediate(() => this.#dropSome())
    this.#onDropped()
  }
}
