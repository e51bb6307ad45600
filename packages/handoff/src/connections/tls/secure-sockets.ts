// The sockets that a TLS server has given to its application, of a protocol that only the application knows.

import type { Server, Socket } from 'node:net'
import { observeData } from '../moving/observe-data.ts'

/** @remarks Node.js has no list of them: that of a server has the connections below. */
export class SecureSockets implements Iterable<Socket> {
  readonly #sockets = new Set<Socket>()
  readonly #stop: () => void
  /** Called when data was read from one of them. */
  onData: () => void = () => {}

  constructor(server: Server) {
    const onSecure = (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      observeData(socket, () => this.onData())
    }
    server.prependListener('secureConnection', onSecure)
    this.#stop = () => server.off('secureConnection', onSecure)
  }

  stop(): void {
    this.#stop()
    this.#sockets.clear()
  }

  *[Symbol.iterator](): IterableIterator<Socket> {
    for (const socket of this.#sockets) {
      if (socket.destroyed) this.#sockets.delete(socket)
      else yield socket
    }
  }
}
