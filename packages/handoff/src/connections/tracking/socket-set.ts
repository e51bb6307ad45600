// The sockets of one server: a set that thousands a second can join and leave.

import type { Socket } from 'node:net'
import { isLeaving } from './end-reasons.ts'
import { SocketFields } from './socket-fields.ts'

/** The set, for reading. */
export interface Sockets extends Iterable<Socket> {
  readonly size: number
  has(socket: Socket): boolean
}

/** The sockets of the connections of a server. */
export interface OpenSockets extends Sockets {
  /** Whether a connection is a member, and no other process has it or may have it. */
  isHere(socket: Socket): boolean
}

/**
 * @remarks A long-lived Set replaces its table each time that so many members have come and gone. V8 puts
 * such a table among the old objects, so that the sockets in it outlive every collection of the young
 * ones. That took 7 % of the processor time of a server with new connections only. This set changes in
 * place.
 */
export class SocketSet implements OpenSockets {
  /** Longer than the set, if it had more members before. */
  readonly #sockets: (Socket | undefined)[] = []
  /** The indices of sockets that are in another set as well. */
  readonly #shared = new Map<Socket, number>()
  #size = 0
  #added = 0

  get size(): number {
    return this.#size
  }

  /** How many sockets were added so far. */
  get added(): number {
    return this.#added
  }

  add(socket: Socket): void {
    if (this.has(socket)) return
    this.#put(socket, this.#size)
    this.#size += 1
    this.#added += 1
  }

  has(socket: Socket): boolean {
    return this.#placeOf(socket) !== undefined
  }

  /** One call, since thousands of sockets are looked at in a row. */
  isHere(socket: Socket): boolean {
    if (SocketFields.isHereIn(this, socket)) return true
    return this.#shared.size > 0 && this.#shared.has(socket) && !isLeaving(socket)
  }

  /** @returns whether it was a member. */
  delete(socket: Socket): boolean {
    const place = this.#placeOf(socket)
    if (place === undefined) return false
    this.#size -= 1
    const last = this.#sockets[this.#size] as Socket
    this.#sockets[this.#size] = undefined
    if (last !== socket) this.#put(last, place)
    if (!this.#shared.delete(socket)) SocketFields.forgetIndex(socket)
    return true
  }

  /** From the last to the first: the current member may be deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<Socket> {
    for (let place = this.#size - 1; place >= 0; place--) {
      const socket = this.#sockets[place]
      if (socket !== undefined) yield socket
    }
  }

  #put(socket: Socket, place: number): void {
    this.#sockets[place] = socket
    if (this.#shared.has(socket) || !SocketFields.storeIndex(this, socket, place)) {
      this.#shared.set(socket, place)
    }
  }

  #placeOf(socket: Socket): number | undefined {
    const place = SocketFields.indexIn(this, socket)
    return place ?? (this.#shared.size > 0 ? this.#shared.get(socket) : undefined)
  }
}
