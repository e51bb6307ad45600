// Opens and shuts a datagram socket: it stays bound, and can answer, while another process reads.

import type { Socket } from 'node:dgram'
import { close, dup } from '../io/descriptors.ts'
import type { Held } from '../io/listeners.ts'
import { setDatagramReading } from '../io/node-internals.ts'
import { shadow } from '../io/shadow.ts'
import { ConnectionlessGate } from './connectionless-gate.ts'
import type { GateHandlers } from './gate.ts'

/** A datagram is a whole conversation: none is ever under way. */
export class DatagramGate extends ConnectionlessGate {
  readonly held: Held
  readonly #socket: Socket
  #closed = false

  private constructor(socket: Socket, held: Held) {
    super()
    this.#socket = socket
    this.held = held
  }

  /**
   * Binds the socket to the listener. Until it may accept it does not read, so that the old
   * process gets every datagram.
   */
  static attach(socket: Socket, held: Held, accept: boolean, handlers: GateHandlers): DatagramGate {
    const gate = new DatagramGate(socket, held)
    // A number of its own: dgram throws EEXIST for one that libuv polls already.
    const fd = dup(held.fd)
    try {
      socket.bind({ fd })
    } catch (error) {
      close(fd)
      throw error
    }
    if (!accept) gate.shut()
    const undo = shadow(socket, 'close', (callback?: () => void) => {
      gate.#closed = true
      undo()
      handlers.onClose(gate)
      return socket.close(callback)
    })
    return gate
  }

  async open(): Promise<void> {
    if (!this.#closed) setDatagramReading(this.#socket, true)
  }

  shut(): void {
    if (!this.#closed) setDatagramReading(this.#socket, false)
  }

  reattach(): void {
    throw new TypeError('a datagram socket cannot bind twice')
  }
}
