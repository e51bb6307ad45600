// Queues connections that were quiescent in one tick until it is their turn to be handed over.

import type { Socket } from 'node:net'
import { type ConnectionHandle, handleOf } from '../../io/node/internals/connection-handle.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import { isBusy, type Pace } from '../moving/pace.ts'
import { silenceOf } from '../moving/silence.ts'

export interface RestingSocket {
  readonly socket: Socket
  readonly handle: ConnectionHandle
  /** The connection stays quiescent as long as nothing more is read. */
  readonly bytesRead: number
  /** Set when the connection is taken. It stays the socket's. */
  fd: number
}

/**
 * @remarks The connections are served meanwhile: no request waits for thousands of other connections.
 * One on which the client has spoken leaves the queue, and is found again after its response.
 */
export class RestingQueue {
  /** The next one is the last. */
  #queue: RestingSocket[] = []
  /** Busy connections that wait for the pace. */
  #busy: RestingSocket[] = []

  get size(): number {
    return this.#queue.length + this.#busy.length
  }

  /** Replaces the connections in the queue by those that can be taken away from their sockets. */
  fill(sockets: readonly Socket[]): void {
    this.#busy = []
    this.#queue = []
    for (const socket of sockets) {
      const handle = handleOf(socket)
      if (handle === undefined) continue
      this.#queue.push({ socket, handle, bytesRead: handle.bytesRead, fd: -1 })
    }
  }

  clear(): void {
    this.fill([])
  }

  /**
   * Takes up to `limit` connections that are still quiescent and that `filter` accepts.
   *
   * @param pace - limits how many of them are busy. One without a request yet that is busy is not taken,
   * since its client is about to speak, and leaves the queue.
   */
  take(limit: number, filter: (socket: Socket) => boolean, pace?: Pace): RestingSocket[] {
    const mayGo = (next: RestingSocket) => filter(next.socket) && isQuiescent(next)
    if (pace === undefined) {
      if (this.#busy.length > 0) this.#queue = this.#queue.concat(this.#busy.splice(0))
      return takeFrom(this.#queue, limit, mayGo)
    }
    const taken: RestingSocket[] = []
    while (taken.length < limit && this.#queue.length > 0) {
      taken.push(...this.#takeSilent(limit - taken.length, mayGo, pace))
    }
    this.#dropUsed(mayGo)
    while (taken.length < limit && this.#busy.length > 0 && pace.admit()) {
      taken.push(...takeFrom(this.#busy, 1, mayGo))
      this.#dropUsed(mayGo)
    }
    return taken
  }

  /** Puts the connections that were taken last before the others, in the same order. */
  putBack(taken: readonly RestingSocket[]): void {
    this.#queue.push(...taken.toReversed())
  }

  /** Lets busy connections that are not quiescent any more leave the end of their queue. */
  #dropUsed(mayGo: (next: RestingSocket) => boolean): void {
    for (let next = this.#busy.at(-1); next && !mayGo(next); next = this.#busy.at(-1)) {
      this.#busy.pop()
    }
  }

  #takeSilent(limit: number, mayGo: (next: RestingSocket) => boolean, pace: Pace): RestingSocket[] {
    const resting = takeFrom(this.#queue, limit, mayGo)
    const silence = silenceOf(resting.map(({ socket }) => socket))
    return resting.filter((next, index) => {
      const busy = isBusy(pace, silence[index])
      if (busy && next.bytesRead > 0) this.#busy.push(next)
      return !busy
    })
  }
}

function takeFrom(
  queue: RestingSocket[],
  limit: number,
  mayGo: (next: RestingSocket) => boolean,
): RestingSocket[] {
  const taken: RestingSocket[] = []
  while (taken.length < limit) {
    const next = queue.pop()
    if (next === undefined) break
    if (mayGo(next)) taken.push(next)
  }
  return taken
}

/** Whether a connection is still quiescent. Reads its descriptor. */
function isQuiescent(next: RestingSocket): boolean {
  const { socket, handle } = next
  if (!hasNoBytesInFlight(socket) || handleOf(socket) !== handle) return false
  if (handle.bytesRead !== next.bytesRead) return false
  next.fd = handle.fd
  return next.fd >= 0
}
