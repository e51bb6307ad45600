// A second listener of one server: what a worker that has no place any more accepted from.

import net, { type Server, type Socket } from 'node:net'
import { listenOnDescriptor } from '../io/hooks/listen-hook.ts'
import type { Held } from '../io/listeners/held.ts'
import { close, dup } from '../io/native/descriptors.ts'
import { acceptOptions, isFull, moveConnection } from '../io/node/internals.ts'
import { ConnectionlessGate } from './gate/connectionless-gate.ts'
import type { Gate } from './gate/gate.ts'
import { announce } from './moving/attach.ts'

/** Its connections are the other gate's: they belong to the server, wherever they came from. */
export class JoinedGate extends ConnectionlessGate {
  readonly joins: Gate
  #held: Held
  readonly #server: Server
  #door: Server | undefined

  /** @param joins - the gate of the server's own listener. */
  constructor(server: Server, joins: Gate, held: Held) {
    super()
    this.#server = server
    this.joins = joins
    this.#held = held
  }

  get held(): Held {
    return this.#held
  }

  /** Connections get the options with which the server itself would accept them. */
  async open(): Promise<void> {
    if (this.#door !== undefined) return
    const door = net.createServer(acceptOptions(this.#server))
    this.#door = door
    door.on('connection', (socket) => this.#enter(door, socket))
    const fd = dup(this.#held.fd)
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error) => {
        close(fd) // libuv takes the descriptor over only when it listens.
        this.#door = undefined
        reject(error)
      }
      door.once('error', failed)
      door.once('close', resolve) // Shut before it listened.
      door.once('listening', () => {
        door.off('error', failed)
        door.on('error', (error) => this.#server.emit('error', error))
        resolve()
      })
      listenOnDescriptor(door, fd, this.#held.options.backlog)
    })
  }

  shut(): void {
    this.#door?.close()
    this.#door = undefined
  }

  reattach(held: Held): void {
    this.#held = held
  }

  #enter(door: Server, socket: Socket): void {
    if (isFull(this.#server)) return drop(this.#server, socket)
    moveConnection(door, this.#server, socket)
    announce(this.#server, socket)
  }
}

/** As Node does what is beyond `maxConnections`. */
function drop(server: Server, socket: Socket): void {
  const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
  const data = { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily }
  socket.destroy()
  server.emit('drop', data)
}
