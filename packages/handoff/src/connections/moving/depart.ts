// A connection leaves the socket object of this process without the client noticing.

import type { Socket } from 'node:net'
import { dupEach } from '../../io/native/many-connections.ts'
import { canSetReading, descriptorOf, setReading } from '../../io/node/internals.ts'
import { markAway, unmark } from './endings.ts'

/** Whether this Node lets us at what it takes. */
export function canDepart(socket: Socket): boolean {
  return descriptorOf(socket) !== undefined && canSetReading(socket)
}

/**
 * Stops reading from a quiescent connection, in the tick in which it was found quiescent: from then
 * on it stays so, however long it takes to be sent.
 */
export function silence(socket: Socket): void {
  setReading(socket, false)
}

/** Reads on; what the client sent meanwhile waited in the kernel. */
export function resume(socket: Socket): void {
  unmark(socket)
  setReading(socket, true)
}

/**
 * Gives descriptors to send, which the caller owns. A socket may be destroyed while it is on its
 * way, by a timer or by the application, and its own number be reused; so what is sent is a dup.
 *
 * @returns as many as there was room for, from the first on.
 */
export function departing(sockets: readonly Socket[]): number[] {
  const dups = dupEach(sockets.map((socket) => descriptorOf(socket) ?? -1))
  for (const socket of sockets.slice(0, dups.length)) markAway(socket)
  return dups
}

/**
 * How many sockets are dropped in one turn of the event loop: one costs about 35 µs, and requests
 * that are still under way must not wait for thousands.
 */
const dropsPerTurn = 50

/** Drops the sockets of connections that are another process's by now, a few at a time. */
export class Dropper {
  /** Still to be dropped: to their server connections like all others. */
  readonly sockets: Socket[] = []
  readonly #onDropped: () => void
  #held = false
  #scheduled = false

  /** @param onDropped - told when some are gone, and with them their descriptors. */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped
  }

  drop(socket: Socket): void {
    this.sockets.push(socket)
    this.#later()
  }

  /** Waits with the next ones, for what is more urgent, until it is told otherwise. */
  hold(held: boolean): void {
    this.#held = held
    this.#later()
  }

  #later(): void {
    if (this.#held || this.#scheduled || this.sockets.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#dropSome()
    })
  }

  /** Destroys, and never ends: a plain close(2), and no FIN while another holds the connection. */
  #dropSome(): void {
    for (const socket of this.sockets.splice(0, dropsPerTurn)) socket.destroy()
    this.#later()
    this.#onDropped()
  }
}
