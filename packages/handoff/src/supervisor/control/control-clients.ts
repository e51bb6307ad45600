// The clients that are connected to the control endpoint.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { startTimer } from '../../io/system/system.ts'

export class ControlClients {
  readonly #sockets = new Set<Socket>()

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /**
   * Resolves when no client but `last` is connected, or after `timeoutMs`. Call it when no client can come any
   * more.
   */
  othersEnded(last: Socket, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel()
        resolve()
      }
      const timer = startTimer(timeoutMs, finish)
      const check = () => {
        if (this.#sockets.size === 0 || (this.#sockets.size === 1 && this.#sockets.has(last))) {
          finish()
        }
      }
      for (const socket of this.#sockets) socket.once('close', check)
      check()
    })
  }
}
