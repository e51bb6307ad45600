// A second listener of one server: the one from which a surplus worker accepted.

import net, { type Server, type Socket } from 'node:net'
import { listenOnDescriptor } from '../../io/hooks/listen-hook.ts'
import { AcceptBurst } from '../../io/listeners/accept-burst.ts'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import { close, dup } from '../../io/native/descriptors.ts'
import { acceptOptions } from '../../io/node/internals/accept-options.ts'
import { isFull, moveConnection } from '../../io/node/internals/connection-count.ts'
import type { System } from '../../io/system/system.ts'
import { emitConnection } from '../moving/adopt-socket.ts'
import type { Gate } from './gate.ts'

/** Has no connections of its own: they belong to the server, whichever listener they came from. */
export class JoinedGate implements Gate {
  /** The gate of the server's own listener. */
  readonly joins: Gate
  readonly #server: Server
  readonly #system: System
  #held: HeldListener
  /** Accepts from the listener while the gate is open, and passes the connections on. */
  #acceptor: Server | undefined

  constructor(server: Server, joins: Gate, held: HeldListener, system: System) {
    this.#server = server
    this.#system = system
    this.joins = joins
    this.#held = held
  }

  get held(): HeldListener {
    return this.#held
  }

  get answersRequests(): boolean {
    return this.joins.answersRequests
  }

  /** Connections get the options with which the server itself would accept them. */
  async open(held?: HeldListener): Promise<void> {
    this.#held = held ?? this.#held
    if (this.#acceptor !== undefined) return
    const acceptor = net.createServer(acceptOptions(this.#server))
    this.#acceptor = acceptor
    const burst = new AcceptBurst(acceptor, this.#system)
    acceptor.on('connection', (socket) => {
      this.#pass(acceptor, socket)
      burst.onAccepted()
    })
    const fd = dup(this.#held.fd)
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error) => {
        close(fd) // libuv owns the descriptor only once it listens.
        this.#acceptor = undefined
        reject(error)
      }
      acceptor.once('error', onError)
      acceptor.once('close', resolve) // The gate was shut before the acceptor listened.
      acceptor.once('listening', () => {
        acceptor.off('error', onError)
        acceptor.on('error', (error) => this.#server.emit('error', error))
        resolve()
      })
      listenOnDescriptor(acceptor, fd, this.#held.options.backlog)
    })
  }

  shut(): void {
    this.#acceptor?.close()
    this.#acceptor = undefined
  }

  #pass(acceptor: Server, socket: Socket): void {
    if (isFull(this.#server)) return drop(this.#server, socket)
    moveConnection(acceptor, this.#server, socket)
    emitConnection(this.#server, socket)
  }
}

/** Returns the gates of the further listeners of a server. */
export function gatesJoinedTo(gate: Gate, gates: Iterable<Gate>): JoinedGate[] {
  return [...gates].filter(
    (other) => other instanceof JoinedGate && other.joins === gate,
  ) as JoinedGate[]
}

/** Refuses a connection as Node.js does at `maxConnections`. */
function drop(server: Server, socket: Socket): void {
  const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
  const data = { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily }
  socket.destroy()
  server.emit('drop', data)
}
