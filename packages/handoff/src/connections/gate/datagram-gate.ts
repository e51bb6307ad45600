// Opens and shuts a datagram socket: shut, it stays bound and can send while another process reads.

import type { Socket } from 'node:dgram'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import { close, dup } from '../../io/native/descriptors.ts'
import { observeDatagramClose, setDatagramReading } from '../../io/node/internals/datagram.ts'
import { shadowMethod } from '../../io/node/shadow-method.ts'
import type { Gate, GateHandlers } from './gate.ts'

/** A datagram is a whole conversation: a datagram socket has no connections. */
export class DatagramGate implements Gate {
  readonly held: HeldListener
  readonly answersRequests = false
  readonly #socket: Socket
  #closed = false

  private constructor(socket: Socket, held: HeldListener) {
    this.#socket = socket
    this.held = held
  }

  /**
   * Binds the socket to the listener. It does not read until it may accept, so that the old process
   * gets every datagram. {@link DatagramGate.emitListening} emits `listening`.
   *
   * @throws the error of `socket.bind`.
   */
  static bind(
    socket: Socket,
    held: HeldListener,
    accept: boolean,
    handlers: GateHandlers,
  ): DatagramGate {
    const gate = new DatagramGate(socket, held)
    // A dup: dgram throws EEXIST for a descriptor that libuv polls already.
    const fd = dup(held.fd)
    const undo = shadowMethod(socket, 'emit', () => true)
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
   * Emits `listening` at the next tick, as Node.js does: an exception of a listener is uncaught, and no
   * failure of the bind.
   */
  emitListening(): Promise<void> {
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

  /** The listener is always the same: a datagram socket cannot be bound twice. */
  async open(): Promise<void> {
    if (!this.#closed) setDatagramReading(this.#socket, true)
  }

  shut(): void {
    if (!this.#closed) setDatagramReading(this.#socket, false)
  }
}

/** Calls back before the program closes the socket. */
function observeClose(socket: Socket, onClose: () => void): void {
  if (observeDatagramClose(socket, onClose)) return
  const { close: closeSocket } = socket
  const undo = shadowMethod(socket, 'close', (callback?: () => void) => {
    undo()
    onClose()
    return closeSocket.call(socket, callback)
  })
}
