// The WebSockets behind one gate: seen at their upgrade, ended in order where they cannot go over.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { transportOf } from '../../io/node/internals.ts'
import type { System } from '../../io/system/system.ts'
import type { Census } from '../moving/census.ts'
import { markClosed } from '../moving/endings.ts'
import { WebSocketConnection, webSocketOf } from './connection.ts'
import { Dismissal, type Plan } from './dismissal.ts'
import { closeCodes } from './frames.ts'

/**
 * When WebSockets are told to connect again, as parts of the drain time: in time for the last to say
 * goodbye. Those that can go over have until `late`: they only have to come to rest.
 */
const dismissal = { late: 3 / 4, end: 7 / 8 }
/**
 * At a stop nobody is waited for that could go over, and the sooner it is done the better: 100 a
 * second, which a server takes in its stride, and five seconds for however many.
 */
const stop = { eachMs: 10, longestMs: 5_000 }

export class WebSockets {
  readonly #connections = new Set<WebSocketConnection>()
  readonly #byTransport = new Map<Socket, WebSocketConnection>()
  readonly #census: Census
  readonly #system: System
  readonly #mayMove: () => boolean
  readonly #onChange: () => void
  #dismissal: Dismissal | undefined
  /** When those that are left have to have been told, by the drain under way. */
  #lastAt = Number.POSITIVE_INFINITY

  /**
   * @param mayMove - whether the application has let WebSockets change process.
   * @param onChange - called each time that something was read or has gone out.
   */
  constructor(census: Census, system: System, mayMove: () => boolean, onChange: () => void) {
    this.#census = census
    this.#system = system
    this.#mayMove = mayMove
    this.#onChange = onChange
  }

  [Symbol.iterator](): IterableIterator<WebSocketConnection> {
    return this.#connections.values()
  }

  /** Follows a connection until it closes. */
  track(connection: WebSocketConnection): void {
    this.#connections.add(connection)
    this.#census.enter(connection.socket, 'websocket')
    connection.onChange = this.#onChange
    this.#byTransport.set(transportOf(connection.socket), connection)
    this.#dismissal?.add(connection)
  }

  /** A connection of the server has ended. */
  end(transport: Socket): void {
    const connection = this.#byTransport.get(transport)
    if (connection === undefined) return
    this.#byTransport.delete(transport)
    this.#connections.delete(connection)
    this.#dismissal?.remove(connection)
  }

  /**
   * Tells what is left, and what still comes, to connect again within the drain time.
   *
   * @param moves - whether a connection goes over as soon as it is at rest.
   * @returns the undo, for whoever was not told yet.
   */
  dismiss(drainMs: number, moves: (connection: WebSocketConnection) => boolean): () => void {
    const [lateMs, endMs] = [drainMs * dismissal.late, drainMs * dismissal.end]
    this.#lastAt = this.#system.now() + endMs
    this.#dismiss((connection, atRandom) => {
      atRandom(0, lateMs, () => {
        if (moves(connection)) atRandom(lateMs, endMs, () => end(connection))
        else end(connection)
      })
    })
    return () => {
      this.#dismissal?.cancel()
      this.#dismissal = undefined
      this.#lastAt = Number.POSITIVE_INFINITY
    }
  }

  /** This process stops: tells them soon, and none later than it would have been told anyway. */
  dismissSoon(drainMs: number): void {
    const leftMs = Math.max(0, this.#lastAt - this.#system.now())
    const withinMs = Math.min(
      this.#connections.size * stop.eachMs,
      stop.longestMs,
      drainMs * dismissal.late,
      leftMs,
    )
    this.#dismiss((connection, atRandom) => atRandom(0, withinMs, () => end(connection)))
  }

  #dismiss(plan: Plan): void {
    this.#dismissal?.cancel()
    this.#dismissal = new Dismissal(this.#system, plan)
    for (const connection of this.#connections) this.#dismissal.add(connection)
  }

  /** A request is about to become an upgrade. */
  onUpgrade(request: IncomingMessage, socket: Socket): void {
    const known = webSocketOf(socket)
    if (known !== undefined) {
      // Replayed. Or Fastify's: it passes the upgrades of its further servers on to the first one.
      if (this.#connections.has(known)) known.begin(request)
      return
    }
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      this.#census.enter(socket, 'other')
      return
    }
    const connection = new WebSocketConnection(socket)
    // What is read matters only to connections that may move.
    if (this.#mayMove()) connection.begin(request)
    this.track(connection)
  }
}

/** Its end is our wish. */
function end(connection: WebSocketConnection): void {
  markClosed(connection.socket)
  connection.close(closeCodes.serviceRestart)
}
