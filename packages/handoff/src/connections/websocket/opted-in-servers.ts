// The WebSocket servers that have opted in: their connections can change process.

import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { reasonOf } from '../../terms/errors.ts'
import { type WebSocketConnection, webSocketOf } from './connection.ts'
import { closeCodes } from './frames.ts'
import { MessageHandlers } from './message-handlers.ts'

/** A WebSocket of the `ws` package: the members that are used here. */
export interface WebSocketLike extends EventEmitter {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly isPaused: boolean
  close(code?: number, reason?: string): void
}

/** A `WebSocketServer` of the `ws` package, attached to a server or not. */
export interface WebSocketServerLike<S extends WebSocketLike = WebSocketLike> extends EventEmitter {
  readonly clients: Set<S>
}

/** How the WebSockets of a server move. */
export interface WebSocketHooks<S extends WebSocketLike = WebSocketLike> {
  /**
   * Returns whether a connection may change process. Called once for each.
   *
   * @defaultValue all may.
   */
  includes?(socket: S, request: IncomingMessage): boolean
  /**
   * Returns whether the application has no work under way for this connection. Handlers of messages
   * that return a promise are awaited without it.
   *
   * @defaultValue always.
   */
  atRest?(socket: S, request: IncomingMessage): boolean
  /** Returns the application's state of the connection, as JSON. The application gets no more events. */
  export?(socket: S, request: IncomingMessage): unknown
  /** Restores, after `connection`, the state that the old process exported. */
  import?(socket: S, request: IncomingMessage, state: unknown): void
}

/** `WebSocket.OPEN` */
const open = 1

/** A WebSocket of a server that has opted in. */
export class OptedInSocket {
  readonly #socket: WebSocketLike
  readonly #request: IncomingMessage
  readonly #hooks: WebSocketHooks
  readonly #handlers: MessageHandlers
  /** By these the WebSocket server learns of the close. Later ones are the application's. */
  readonly #serverListeners: ReadonlySet<unknown>
  /** Set if the state could not be exported: the connection stays in this process. */
  cannotMove = false

  constructor(
    socket: WebSocketLike,
    request: IncomingMessage,
    hooks: WebSocketHooks,
    onIdle: () => void,
  ) {
    this.#socket = socket
    this.#request = request
    this.#hooks = hooks
    this.#handlers = new MessageHandlers(socket, onIdle)
    this.#serverListeners = new Set(socket.rawListeners('close'))
  }

  /** Whether all `frames` that arrived were handled, and no data is left to send. */
  isAtRest(frames: number): boolean {
    const { readyState, bufferedAmount, isPaused } = this.#socket
    return (
      readyState === open &&
      bufferedAmount === 0 &&
      !isPaused &&
      this.#handlers.emitted === frames &&
      this.#handlers.isIdle &&
      this.#hooks.atRest?.(this.#socket, this.#request) !== false
    )
  }

  export(): unknown {
    return this.#hooks.export?.(this.#socket, this.#request)
  }

  import(state: unknown): void {
    this.#hooks.import?.(this.#socket, this.#request, state)
  }

  /** Keeps the application from taking the end of the connection here for a close by the client. */
  removeListeners(): void {
    for (const event of this.#socket.eventNames()) {
      for (const listener of this.#socket.rawListeners(event)) {
        if (this.#serverListeners.has(listener)) continue
        this.#socket.off(event, listener as (...args: unknown[]) => void)
      }
    }
  }
}

export class OptedInServers {
  readonly #servers = new Set<WebSocketServerLike>()
  readonly #optedIn = new WeakMap<WebSocketConnection, OptedInSocket>()
  /** The states of connections that are being replayed, until the application has their WebSockets. */
  readonly #states = new WeakMap<WebSocketConnection, { state: unknown }>()
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  /** Whether a server has opted in, so that this process takes WebSockets. */
  get hasAny(): boolean {
    return this.#servers.size > 0
  }

  /** Lets the connections of a server move. Returns the undo. */
  add<S extends WebSocketLike>(
    server: WebSocketServerLike<S>,
    hooks: WebSocketHooks<S>,
  ): () => void {
    const onConnection = (socket: S, request: IncomingMessage) =>
      this.#open(socket, request, hooks as unknown as WebSocketHooks)
    this.#servers.add(server as unknown as WebSocketServerLike)
    server.prependListener('connection', onConnection)
    return () => {
      this.#servers.delete(server as unknown as WebSocketServerLike)
      server.off('connection', onConnection)
    }
  }

  socketOf(connection: WebSocketConnection): OptedInSocket | undefined {
    return this.#optedIn.get(connection)
  }

  /** Whether a connection moves as soon as it is at rest. */
  canMove(connection: WebSocketConnection): boolean {
    const socket = this.#optedIn.get(connection)
    return socket !== undefined && !socket.cannotMove && connection.movable !== undefined
  }

  /** Stores the state of a connection until its server has the connection. */
  storeState(connection: WebSocketConnection, state: unknown): void {
    this.#states.set(connection, { state })
  }

  #open(socket: WebSocketLike, request: IncomingMessage, hooks: WebSocketHooks): void {
    const connection = webSocketOf(request.socket)
    if (connection === undefined || hooks.includes?.(socket, request) === false) return
    const opted = new OptedInSocket(socket, request, hooks, () => connection.onChange())
    this.#optedIn.set(connection, opted)
    connection.closeByServer = ({ code, reason }) => socket.close(code, reason)
    const waiting = this.#states.get(connection)
    if (waiting === undefined) return
    this.#states.delete(connection)
    // A tick later, when every listener of `connection` has run. Hooks of the application may have held
    // the upgrade back: what the client sent meanwhile has to wait.
    request.socket.pause()
    process.nextTick(() => {
      try {
        opted.import(waiting.state)
      } catch (error) {
        this.#warn(`a WebSocket was closed: its state could not be imported: ${reasonOf(error)}`)
        connection.close(closeCodes.serviceRestart)
      }
      if (!socket.isPaused) request.socket.resume()
      // This process may itself be handing over: what has arrived at rest can go on.
      connection.onChange()
    })
  }
}
