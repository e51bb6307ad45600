// The WebSockets of one server: found at their upgrade, closed gracefully if they cannot move.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { transportOf } from '../../io/node/internals/tls.ts'
import type { System } from '../../io/system/system.ts'
import { markClosed } from '../tracking/end-reasons.ts'
import type { KindCounter } from '../tracking/kind-counter.ts'
import { WebSocketConnection, webSocketOf } from './connection.ts'
import { closeCodes } from './frames.ts'
import { GradualClose, type Plan } from './gradual-close.ts'
import type { OptedInServers } from './opted-in-servers.ts'

/**
 * When WebSockets are closed, as parts of the drain time: early enough for the last closing handshake.
 * Those that can move have until `late`: they only have to come to rest.
 */
const drain = { late: 3 / 4, end: 7 / 8 }
/**
 * At a stop no WebSocket can move, and a quick end is better: 100 closes a second, which a server takes
 * easily, and five seconds at most.
 */
const stop = { eachMs: 10, longestMs: 5_000 }

export class WebSockets {
  readonly #connections = new Set<WebSocketConnection>()
  readonly #byTransport = new Map<Socket, WebSocketConnection>()
  readonly #counter: KindCounter
  readonly #system: System
  readonly #servers: OptedInServers | undefined
  readonly #onChange: () => void
  #closing: GradualClose | undefined
  /** Until when the drain under way closes those that are left, in monotonic milliseconds. */
  #closedBy = Number.POSITIVE_INFINITY

  /**
   * @param servers - the WebSocket servers that have opted in; undefined if the connections of this
   * server cannot move.
   * @param onChange - called each time that data was read or written.
   */
  constructor(
    counter: KindCounter,
    system: System,
    servers: OptedInServers | undefined,
    onChange: () => void,
  ) {
    this.#counter = counter
    this.#system = system
    this.#servers = servers
    this.#onChange = onChange
  }

  [Symbol.iterator](): IterableIterator<WebSocketConnection> {
    return this.#connections.values()
  }

  /** Tracks a connection until it closes. */
  track(connection: WebSocketConnection): void {
    this.#connections.add(connection)
    this.#counter.setKind(connection.socket, 'websocket')
    connection.onChange = this.#onChange
    this.#byTransport.set(transportOf(connection.socket), connection)
    this.#closing?.add(connection)
  }

  /** A connection of the server has ended. */
  end(transport: Socket): void {
    const connection = this.#byTransport.get(transport)
    if (connection === undefined) return
    this.#byTransport.delete(transport)
    this.#connections.delete(connection)
    this.#closing?.remove(connection)
  }

  /**
   * Closes all WebSockets within the drain time, those included that are opened later. A client that
   * gets such a close connects again.
   *
   * @param taken - whether another process takes WebSockets: those that can move get more time.
   * @returns the undo, for those that are still open.
   */
  closeGradually(drainMs: number, taken: boolean): () => void {
    const [lateMs, endMs] = [drainMs * drain.late, drainMs * drain.end]
    this.#closedBy = this.#system.now() + endMs
    this.#close((connection, atRandom) => {
      atRandom(0, lateMs, () => {
        const moves = taken && (this.#servers?.canMove(connection) ?? false)
        if (moves) atRandom(lateMs, endMs, () => end(connection))
        else end(connection)
      })
    })
    return () => {
      this.#closing?.cancel()
      this.#closing = undefined
      this.#closedBy = Number.POSITIVE_INFINITY
    }
  }

  /** This process stops: closes all soon, and none later than the drain under way would. */
  closeSoon(drainMs: number): void {
    const leftMs = Math.max(0, this.#closedBy - this.#system.now())
    const withinMs = Math.min(
      this.#connections.size * stop.eachMs,
      stop.longestMs,
      drainMs * drain.late,
      leftMs,
    )
    this.#close((connection, atRandom) => atRandom(0, withinMs, () => end(connection)))
  }

  #close(plan: Plan): void {
    this.#closing?.cancel()
    this.#closing = new GradualClose(this.#system, plan)
    for (const connection of this.#connections) this.#closing.add(connection)
  }

  /** A request is about to become an upgrade. */
  onUpgrade(request: IncomingMessage, socket: Socket): void {
    const known = webSocketOf(socket)
    if (known !== undefined) {
      // A replayed upgrade. Or one of Fastify's, which passes those of its further servers to the first.
      if (this.#connections.has(known)) known.observe(request)
      return
    }
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      this.#counter.setKind(socket, 'other')
      return
    }
    const connection = new WebSocketConnection(socket)
    // The data matters only if the connection may move.
    if (this.#servers?.hasAny) connection.observe(request)
    this.track(connection)
  }
}

/** Counts as closed by this process. */
function end(connection: WebSocketConnection): void {
  markClosed(connection.socket)
  connection.close(closeCodes.serviceRestart)
}
