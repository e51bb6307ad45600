// Observes connections, HTTP/2 sessions and upgrades of servers without being one of their listeners.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Http2Session } from 'node:http2'
import { type Server, Socket } from 'node:net'
import { serverOf } from '../node/internals/connection-count.ts'
import { upgradeBeingMade } from '../node/internals/http-parser.ts'
import { boundSession } from '../node/internals/http2-session.ts'
import { parentOf } from '../node/internals/tls.ts'
import { shadowMethod } from '../node/shadow-method.ts'

/**
 * Node.js publishes each connection that a server accepted here, after its `connection` event.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html#net
 */
const connectionAccepted = 'net.server.socket'

/** Observes one server. Sockets are those of the transport, not TLS sockets. */
export interface ServerObserver {
  /** The server has a new connection, and its `connection` listeners have run. */
  onConnection(socket: Socket): void
  /** The server itself has accepted the connection of the last `onConnection`. */
  onAccepted(): void
  /** A connection was destroyed, and has emitted `close`. */
  onEnd(socket: Socket): void
  /** An HTTP/2 session is made, before the server emits `session`. */
  onSession(session: Http2Session, transport: Socket): void
  /** A request becomes an upgrade, before the server emits `upgrade`. */
  onUpgrade(request: IncomingMessage, socket: Socket): void
}

const observers = new Map<Server, ServerObserver[]>()
/** Sockets that were destroyed and not reported yet. */
let ended: Socket[] = []
let uninstall: (() => void) | undefined

/**
 * Observes a server.
 *
 * @remarks The program could see a listener (`listenerCount`, `listeners`, `newListener`, the order of
 * calls, `removeAllListeners`), and some listeners change what Node.js does. A wrapper of `emit` would
 * occur in every stack. So this uses other means: the diagnostics channels of Node.js, and methods of
 * sockets that Node.js calls when a connection begins or ends. Those methods are observed for all sockets
 * of the process, as long as one server is observed. Each call costs a comparison or two.
 * @returns the undo.
 */
export function observeServer(server: Server, observer: ServerObserver): () => void {
  uninstall ??= install()
  observers.set(server, [...(observers.get(server) ?? []), observer])
  return () => {
    const left = (observers.get(server) ?? []).filter((other) => other !== observer)
    if (left.length > 0) observers.set(server, left)
    else observers.delete(server)
    if (observers.size > 0) return
    uninstall?.()
    uninstall = undefined
  }
}

/** Reports a connection that the server did not accept itself. */
export function reportConnection(server: Server, socket: Socket): void {
  for (const observer of observers.get(server) ?? []) observer.onConnection(socket)
}

function install(): () => void {
  const { _destroy: destroy, setNoDelay, removeListener } = Socket.prototype
  const undo = [
    // In this method Node.js counts down the connections of a server.
    shadowMethod(Socket.prototype, '_destroy', function (this: Socket, ...args: unknown[]) {
      Reflect.apply(destroy, this, args)
      if (observersOf(this) !== undefined && ended.push(this) === 1) afterClose(reportEnds)
    }),
    // A new HTTP/2 session calls this method of its socket.
    shadowMethod(Socket.prototype, 'setNoDelay', function (this: Socket, ...args: unknown[]) {
      reportSession(this)
      return Reflect.apply(setNoDelay, this, args)
    }),
    // An HTTP server removes its listeners from the socket before it emits `upgrade`.
    shadowMethod(Socket.prototype, 'removeListener', function (this: Socket, ...args: unknown[]) {
      if (args[0] === 'data') reportUpgrade(this)
      return Reflect.apply(removeListener, this, args)
    }),
  ]
  subscribe(connectionAccepted, onAccepted)
  return () => {
    unsubscribe(connectionAccepted, onAccepted)
    for (const restore of undo) restore()
  }
}

function observersOf(socket: Socket): ServerObserver[] | undefined {
  const server = serverOf(socket)
  return server === undefined ? undefined : observers.get(server)
}

function onAccepted(message: unknown): void {
  const { socket } = message as { socket: Socket }
  for (const observer of observersOf(socket) ?? []) {
    observer.onConnection(socket)
    observer.onAccepted()
  }
}

/**
 * Calls back when the sockets that are closed in this turn of the event loop have emitted `close`. libuv
 * closes handles after the first `setImmediate`, and before the second.
 */
function afterClose(callback: () => void): void {
  setImmediate(() => setImmediate(callback))
}

function reportEnds(): void {
  const sockets = ended
  ended = []
  for (const socket of sockets) {
    for (const observer of observersOf(socket) ?? []) observer.onEnd(socket)
  }
}

function reportSession(socket: Socket): void {
  const transport = parentOf(socket) ?? socket
  const serverObservers = observersOf(transport)
  if (serverObservers === undefined) return
  const session = boundSession(socket)
  if (session === undefined) return
  for (const observer of serverObservers) observer.onSession(session, transport)
}

function reportUpgrade(socket: Socket): void {
  const request = upgradeBeingMade(socket)
  if (request === undefined) return
  for (const observer of observersOf(parentOf(socket) ?? socket) ?? []) {
    observer.onUpgrade(request, socket)
  }
}
