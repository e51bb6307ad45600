// Remembers from which process connections came, and reports their end to it.

import type { Socket } from 'node:net'
import type { Origin } from './mover.ts'

/** The origins of the connections of one server. */
export class Origins {
  readonly #origins = new WeakMap<Socket, Origin>()

  /** @param origin - undefined if no process waits for the end of the connection. */
  set(socket: Socket, origin: Origin | undefined): void {
    if (origin !== undefined) this.#origins.set(socket, origin)
  }

  /** Returns the origin of a connection; undefined if it began here, or has been reported as ended. */
  of(socket: Socket): Origin | undefined {
    return this.#origins.get(socket)
  }

  /** Reports the end of a connection to its origin, once. */
  reportEnd(socket: Socket): void {
    this.#origins.get(socket)?.onEnd()
    this.#origins.delete(socket)
  }
}
