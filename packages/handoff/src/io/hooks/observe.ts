// Observes connections, HTTP/2 sessions and upgrades of servers without being a listener of theirs.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Http2Session } from 'node:http2'
import { type Server, Socket } from 'node:net'
import { boundSession, parentOf, serverOf, upgradeBeingMade } from '../node/internals.ts'
import { shadow } from '../node/shadow.ts'

/**
 * Node.js publishes each connection that a server accepted here, after its `connection` event.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html#net
 */
const connectionAccepted = 'net.server.socket'

/** What an observer of one server gets. Sockets are those of the transport, never TLS sockets. */
export interface ServerObserver {
  /** The server has a new connection; its `connection` listeners have run. */
  onConnection(socket: Socket): void
  /** A connection was destroyed, and has emitted `close`. */
  onEnd(socket: Socket): void
  /** An HTTP/2 session is made, before the server emits `session`. */
  onSession(session: Http2Session, transport: Socket): void
  /** A request becomes an upgrade, before the server emits `upgrade`. */
  onUpgrade(request: IncomingMessage, socket: Socket): void
}

const observers = new Map<Server, ServerObserver[]>()
/** Destroyed, and not reported yet. */
let ended: Socket[] = []
let uninstall: (() => void) | undefined

/**
 * Observes a server.
 *
 * @remarks A listener would be visible to the program (`listenerCount`, `listeners`, `newListener`,
 * the order of calls, `removeAllListeners`), and some change what Node.js does. A wrapper around
 * `emit` would stand in every stack. So Node.js is observed beside its events: by what it publishes,
 * and by methods of sockets that it calls when something begins or ends. Those methods are observed
 * for all sockets of the process, as long as one server is; each call costs a comparison or two.
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
    // Node.js counts down the connections of a server here.
    shadow(Socket.prototype, '_destroy', function (this: Socket, ...args: unknown[]) {
      Reflect.apply(destroy, this, args)
      if (observersOf(this) !== undefined && ended.push(this) === 1) afterClose(reportEnds)
    }),
    // An HTTP/2 session calls it on its socket when it is made.
    shadow(Socket.prototype, 'setNoDelay', function (this: Socket, ...args: unknown[]) {
      reportSession(this)
      return Reflect.apply(setNoDelay, this, args)
    }),
    // An HTTP server takes its listeners off the socket before it emits `upgrade`.
    shadow(Socket.prototype, 'removeListener', function (this: Socket, ...args: unknown[]) {
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
  for (const observer of observersOf(socket) ?? []) observer.onConnection(socket)
}

/**
 * Calls back when what is closed in this turn of the event loop has emitted `close`: libuv closes
 * handles after the first `setImmediate`, and before the second.
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
  const interested = observersOf(transport)
  if (interested === undefined) return
  const session = boundSession(socket)
  if (session === undefined) return
  for (const observer of interested) observer.onSession(session, transport)
}

function reportUpgrade(socket: Socket): void {
  const request = upgradeBeingMade(socket)
  if (request === undefined) return
  for (const observer of observersOf(parentOf(socket) ?? socket) ?? []) {
    observer.onUpgrade(request, socket)
  }
}
