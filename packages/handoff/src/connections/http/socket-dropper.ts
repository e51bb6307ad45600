// Drops the sockets of connections that another process has by now, a few at a time.

import type { Socket } from 'node:net'

/**
 * How many sockets are dropped in one turn of the event loop: one costs about 35 µs, and requests
 * that are still under way must not wait for thousands.
 */
const dropsPerTurn = 50

export class SocketDropper {
  /** Not dropped yet. To their server they are connections like all others. */
  readonly sockets: Socket[] = []
  readonly #onDropped: () => void
  #paused = false
  #scheduled = false

  /** @param onDropped - called after some were dropped, and their descriptors closed. */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped
  }

  drop(sockets: readonly Socket[]): void {
    this.sockets.push(...sockets)
    this.#schedule()
  }

  /** Lets what is more urgent go first, until {@link resume} is called. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  #schedule(): void {
    if (this.#paused || this.#scheduled || this.sockets.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#dropSome()
    })
  }

  /** Destroys, and never ends: a plain close(2), and no FIN while another process has the connection. */
  #dropSome(): void {
    for (const socket of this.sockets.splice(0, dropsPerTurn)) socket.destroy()
    this.#schedule()
    this.#onDropped()
  }
}
