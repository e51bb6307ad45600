// Opens and shuts a datagram socket: it stays bound, and can answer, while another process reads.

import type { Socket } from 'node:dgram'
import type { Held } from '../../io/listeners/held.ts'
import { close, dup } from '../../io/native/descriptors.ts'
import { observeDatagramClose, setDatagramReading } from '../../io/node/internals.ts'
import { shadow } from '../../io/node/shadow.ts'
import { ConnectionlessGate } from '../gate/connectionless-gate.ts'
import type { GateHandlers } from '../gate/gate.ts'

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
   * process gets every datagram. `listening` is left to {@link DatagramGate.announce}.
   *
   * @throws the error of `socket.bind`.
   */
  static attach(socket: Socket, held: Held, accept: boolean, handlers: GateHandlers): DatagramGate {
    const gate = new DatagramGate(socket, held)
    // A number of its own: dgram throws EEXIST for one that libuv polls already.
    const fd = dup(held.fd)
    const undo = shadow(socket, 'emit', () => true)
    try {
      socket.bind({ fd })
    } catch (error) {
      close(fd)
      throw error
    } finally {
      undo()
    }
    observeClose(socket, () => {
      gate.#closed = true
      handlers.onClose(gate)
    })
    if (!accept) gate.shut()
    return gate
  }

  /**
   * Emits `listening` at the next tick, as Node.js does: what a listener throws is uncaught, and no
   * failure of the bind.
   */
  announce(): Promise<void> {
    return new Promise((resolve) => {
      process.nextTick(() => {
        try {
          if (!this.#closed) this.#socket.emit('listening')
        } finally {
          resolve()
        }
      })
    })
  }

  /** Whether the program has closed the socket. */
  get closed(): boolean {
    return this.#closed
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

/** Calls back before the program closes the socket. */
function observeClose(socket: Socket, onClose: () => void): void {
  if (observeDatagramClose(socket, onClose)) return
  const { close: closeSocket } = socket
  const undo = shadow(socket, 'close', (callback?: () => void) => {
    undo()
    onClose()
    return closeSocket.call(socket, callback)
  })
}
