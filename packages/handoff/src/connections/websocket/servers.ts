// The WebSocket servers whose connections may change process, and what they know of each of them.

import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { reasonOf } from '../../terms/errors.ts'
import { type WebSocketConnection, webSocketOf } from './connection.ts'
import { closeCodes } from './frames.ts'
import { Handling } from './handling.ts'

/** A WebSocket of the `ws` package, as far as it is used here. */
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

/** How the WebSockets of a server go over. */
export interface WebSocketHooks<S extends WebSocketLike = WebSocketLike> {
  /**
   * Tells which connections may change process; asked once for each.
   *
   * @defaultValue all of them.
   */
  includes?(socket: S, request: IncomingMessage): boolean
  /**
   * Tells whether the application is done with what it does for this connection. Messages whose
   * handler has returned a promise that is not settled are waited for by themselves.
   *
   * @defaultValue always.
   */
  atRest?(socket: S, request: IncomingMessage): boolean
  /** Gives what the application knows of the connection, as JSON; the last that it hears of it. */
  export?(socket: S, request: IncomingMessage): unknown
  /** Takes up, after `connection`, what the old process exported. */
  import?(socket: S, request: IncomingMessage, state: unknown): void
}

/** `WebSocket.OPEN` */
const open = 1

/** A WebSocket of a server that has opted in. */
export class OptedIn {
  readonly #socket: WebSocketLike
  readonly #request: IncomingMessage
  readonly #hooks: WebSocketHooks
  readonly #handling: Handling
  /** With which the server forgets the client; all that came later is the application's. */
  readonly #ownListeners: ReadonlySet<unknown>
  /** Its state could not be had: it stays. */
  stays = false

  constructor(
    socket: WebSocketLike,
    request: IncomingMessage,
    hooks: WebSocketHooks,
    onIdle: () => void,
  ) {
    this.#socket = socket
    this.#request = request
    this.#hooks = hooks
    this.#handling = new Handling(socket, onIdle)
    this.#ownListeners = new Set(socket.rawListeners('close'))
  }

  /** Whether all `frames` that arrived were handled, and nothing is left to send. */
  isDone(frames: number): boolean {
    const { readyState, bufferedAmount, isPaused } = this.#socket
    return (
      readyState === open &&
      bufferedAmount === 0 &&
      !isPaused &&
      this.#handling.told === frames &&
      this.#handling.idle &&
      this.#hooks.atRest?.(this.#socket, this.#request) !== false
    )
  }

  export(): unknown {
    return this.#hooks.export?.(this.#socket, this.#request)
  }

  import(state: unknown): void {
    this.#hooks.import?.(this.#socket, this.#request, state)
  }

  /** The connection lives on elsewhere: the application must not take its end here for a close. */
  silence(): void {
    for (const event of this.#socket.eventNames()) {
      for (const listener of this.#socket.rawListeners(event)) {
        if (this.#ownListeners.has(listener)) continue
        this.#socket.off(event, listener as (...args: unknown[]) => void)
      }
    }
  }
}

export class WebSocketServers {
  readonly #servers = new Set<WebSocketServerLike>()
  readonly #optedIn = new WeakMap<WebSocketConnection, OptedIn>()
  /** What waits for its WebSocket: the state of a connection that is being replayed. */
  readonly #states = new WeakMap<WebSocketConnection, { state: unknown }>()
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  /** Whether any server has opted in, so that this process takes WebSockets. */
  get any(): boolean {
    return this.#servers.size > 0
  }

  /** Lets the connections of a server go over. Gives back its undo. */
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

  optedIn(connection: WebSocketConnection): OptedIn | undefined {
    return this.#optedIn.get(connection)
  }

  /** Keeps the state of a connection for the moment at which its server has it. */
  expect(connection: WebSocketConnection, state: unknown): void {
    this.#states.set(connection, { state })
  }

  #open(socket: WebSocketLike, request: IncomingMessage, hooks: WebSocketHooks): void {
    const connection = webSocketOf(request.socket)
    if (connection === undefined || hooks.includes?.(socket, request) === false) return
    const opted = new OptedIn(socket, request, hooks, () => connection.onChange())
    this.#optedIn.set(connection, opted)
    connection.goodbye = ({ code, reason }) => socket.close(code, reason)
    const waiting = this.#states.get(connection)
    if (waiting === undefined) return
    this.#states.delete(connection)
    // A tick later, when every listener of `connection` has run; what the client sent while hooks
    // of the application held the upgrade back has to wait for it.
    request.socket.pause()
    process.nextTick(() => {
      try {
        opted.import(waiting.state)
      } catch (error) {
        this.#warn(`a WebSocket was closed: its state could not be imported: ${reasonOf(error)}`)
        connection.close(closeCodes.serviceRestart)
      }
      if (!socket.isPaused) request.socket.resume()
    })
  }
}
