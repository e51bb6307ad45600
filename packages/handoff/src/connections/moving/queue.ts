// Connections found at rest in one tick: they wait for their turn to go over, and are served as ever.

import type { Socket } from 'node:net'
import { isStill } from './bytes-in-flight.ts'

interface Picked {
  socket: Socket
  /** As long as nothing more is read, it stays quiescent. */
  bytesRead: number
}

/**
 * @remarks Nobody waits with its request for thousands of others: who has spoken meanwhile leaves the
 * queue, and is found quiescent again after its response.
 */
export class PickedConnections {
  /** Last first. */
  #queue: Picked[] = []

  get size(): number {
    return this.#queue.length
  }

  /** Instead of those that waited before. */
  set(sockets: readonly Socket[]): void {
    this.#queue = sockets.map(picked)
  }

  /** Takes up to `limit` that are quiescent still, and that `filter` lets go. */
  take(limit: number, filter: (socket: Socket) => boolean): Socket[] {
    const sockets: Socket[] = []
    while (sockets.length < limit) {
      const next = this.#queue.pop()
      if (next === undefined) break
      const { socket, bytesRead } = next
      if (socket.bytesRead === bytesRead && isStill(socket) && filter(socket)) sockets.push(socket)
    }
    return sockets
  }

  /** The last that were taken have their turn again, in the same order. */
  putBack(sockets: readonly Socket[]): void {
    this.#queue.push(...sockets.map(picked).reverse())
  }
}

function picked(socket: Socket): Picked {
  return { socket, bytesRead: socket.bytesRead }
}
