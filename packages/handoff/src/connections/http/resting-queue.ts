// Queues connections that were quiescent in one tick until it is their turn to be handed over.

import type { Socket } from 'node:net'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'

interface Resting {
  socket: Socket
  /** The connection stays quiescent as long as nothing more is read. */
  bytesRead: number
}

/**
 * @remarks The connections are served meanwhile: no request waits for thousands of other connections.
 * One on which the client has spoken leaves the queue, and is found again after its response.
 */
export class RestingQueue {
  /** The next one is the last. */
  #queue: Resting[] = []

  get size(): number {
    return this.#queue.length
  }

  /** Replaces the connections in the queue. */
  fill(sockets: readonly Socket[]): void {
    this.#queue = sockets.map(resting)
  }

  clear(): void {
    this.#queue = []
  }

  /** Takes up to `limit` connections that are still quiescent and that `filter` accepts. */
  take(limit: number, filter: (socket: Socket) => boolean): Socket[] {
    const sockets: Socket[] = []
    while (sockets.length < limit) {
      const next = this.#queue.pop()
      if (next === undefined) break
      const { socket, bytesRead } = next
      if (socket.bytesRead !== bytesRead) continue
      if (hasNoBytesInFlight(socket) && filter(socket)) sockets.push(socket)
    }
    return sockets
  }

  /** Puts the connections that were taken last before the others, in the same order. */
  putBack(sockets: readonly Socket[]): void {
    this.#queue.push(...sockets.map(resting).reverse())
  }
}

function resting(socket: Socket): Resting {
  return { socket, bytesRead: socket.bytesRead }
}
