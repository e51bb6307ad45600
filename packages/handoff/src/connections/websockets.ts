// The WebSockets behind one gate: seen at their upgrade, ended in order where they cannot go over.

import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { System, Timer } from '../io/system.ts'
import type { Census } from './census.ts'
import { markClosed } from './marks.ts'
import { watchUpgrades } from './upgrades.ts'
import { WebSocketConnection, webSocketOf } from './websocket-connection.ts'
import { type CloseCode, closeCodes } from './websocket-frames.ts'

/**
 * When WebSockets are told to connect again, as parts of the drain time. One by one, so that their
 * clients do not all come back at once, and in time for the last to say goodbye. Those that can go
 * over have until `late`: they only have to come to rest.
 */
const dismissal = { late: 3 / 4, end: 7 / 8 }

export class WebSockets {
  readonly #connections = new Set<WebSocketConnection>()
  readonly #census: Census
  readonly #system: System
  readonly #onChange: () => void
  readonly #unwatch: () => void
  #dismiss: ((connection: WebSocketConnection) => void) | undefined

  /** @param onChange - told each time that something was read or has gone out. */
  constructor(server: Server, census: Census, system: System, onChange: () => void) {
    this.#census = census
    this.#system = system
    this.#onChange = onChange
    this.#unwatch = watchUpgrades(server, (request, socket) => this.#upgrade(request, socket))
  }

  [Symbol.iterator](): IterableIterator<WebSocketConnection> {
    return this.#connections.values()
  }

  /** Follows a connection until it closes. */
  track(connection: WebSocketConnection): void {
    this.#connections.add(connection)
    this.#census.enter(connection.socket, 'websocket')
    connection.onChange = this.#onChange
    connection.socket.once('close', () => this.#connections.delete(connection))
    this.#dismiss?.(connection)
  }

  /** Says goodbye to all of them at once. */
  closeAll(): void {
    // Where they are being dismissed, another process serves.
    const { goingAway, serviceRestart } = closeCodes
    const code = this.#dismiss === undefined ? goingAway : serviceRestart
    for (const connection of this.#connections) end(connection, code)
  }

  /**
   * Tells what is left, and what still comes, to connect again within the drain time.
   *
   * @param moves - whether a connection goes over as soon as it is at rest.
   * @returns the undo, for whoever was not told yet.
   */
  dismiss(drainMs: number, moves: (connection: WebSocketConnection) => boolean): () => void {
    const timers = new Map<WebSocketConnection, Timer>()
    const began = this.#system.now()
    const later = (connection: WebSocketConnection, from: number, to: number) => {
      const at = began + drainMs * (from + Math.random() * (to - from))
      const ms = Math.max(0, at - this.#system.now())
      const timer = this.#system.timer(ms, () => dismiss(connection, from), true)
      timers.set(connection, timer)
    }
    const dismiss = (connection: WebSocketConnection, from: number) => {
      timers.delete(connection)
      if (!this.#connections.has(connection)) return
      if (from < dismissal.late && moves(connection)) {
        later(connection, dismissal.late, dismissal.end)
      } else end(connection, closeCodes.serviceRestart)
    }
    this.#dismiss = (connection) => later(connection, 0, dismissal.late)
    for (const connection of this.#connections) this.#dismiss(connection)
    return () => {
      this.#dismiss = undefined
      for (const timer of timers.values()) timer.cancel()
    }
  }

  /** Leaves the server as it was. */
  stop(): void {
    this.#unwatch()
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
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
    connection.begin(request)
    this.track(connection)
  }
}

/** Its end is our wish. */
function end(connection: WebSocketConnection, code: CloseCode): void {
  markClosed(connection.socket)
  connection.close(code)
}
