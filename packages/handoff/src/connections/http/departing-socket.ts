// An HTTP/1.1 connection on its way to another process, which still has a socket here.

import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import type { Departing, Secrets } from '../moving/mover.ts'
import { resumeReading } from '../moving/release-socket.ts'
import type { HttpItem } from './http-item.ts'

export interface DepartingHandlers {
  /** The other process has the connections. */
  onGone(sockets: readonly Socket[]): void
  /** The connection stays here. */
  onBack(socket: Socket): void
  /** The connection stays here, and its socket was destroyed. Owns the descriptor. */
  park(fd: number, item: HttpItem, secrets: Secrets | undefined): void
}

/** There are thousands, so that a closure for each method would be too much. */
export class DepartingSocket implements Departing {
  readonly fd: number
  readonly item: HttpItem
  readonly secrets: Secrets | undefined
  readonly #socket: Socket
  readonly #handlers: DepartingHandlers

  constructor(
    socket: Socket,
    fd: number,
    item: HttpItem,
    secrets: Secrets | undefined,
    handlers: DepartingHandlers,
  ) {
    this.fd = fd
    this.item = item
    this.secrets = secrets
    this.#socket = socket
    this.#handlers = handlers
  }

  complete(): void {
    this.#handlers.onGone([this.#socket])
  }

  /** Returns the sockets of a batch; undefined if some of its connections have none. */
  static socketsOf(batch: readonly Departing[]): Socket[] | undefined {
    const sockets: Socket[] = []
    for (const departing of batch) {
      if (!(departing instanceof DepartingSocket)) return undefined
      sockets.push(departing.#socket)
    }
    return sockets
  }

  serveAgain(): void {
    this.#handlers.onBack(this.#socket)
    if (this.#socket.destroyed) {
      // A timer or the application destroyed the socket on its way. The client did not see that.
      this.#handlers.park(this.fd, this.item, this.secrets)
    } else {
      close(this.fd)
      resumeReading(this.#socket)
    }
  }
}
