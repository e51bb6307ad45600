// Which HTTP/1.1 connections stand between two requests: the server knows, and says so in public.

import { Server } from 'node:http'
import net, { type Socket } from 'node:net'
import { idleConnections } from '../../io/node/internals.ts'
import { shadow } from '../../io/node/shadow.ts'
import { isStill } from '../moving/bytes-in-flight.ts'
import { webSocketOf } from '../websocket/connection.ts'

/** The connections of a server. */
export interface Sorted {
  /**
   * Nothing of a request has been read that was not answered. Those that are still, too, can change
   * process: to the server a response is finished once end() was called, flushed or not.
   */
  resting: Socket[]
  /** All others. */
  busy: Socket[]
}

/**
 * Tells which connections wait for a request now.
 *
 * @remarks `closeIdleConnections()` destroys just those that wait for a request. So that it only
 * names them, `destroy` is shadowed meanwhile, for all of the server's connections; all of this
 * happens within one tick, and nobody else's code runs in it.
 * @param sockets - the connections to sort.
 * @param others - all other connections of the server, which must come to no harm.
 */
export function sortConnections(
  server: Server,
  sockets: Iterable<Socket>,
  others: Iterable<Socket> = [],
): Sorted {
  const named = new Set<Socket>()
  const name = function (this: Socket) {
    named.add(this)
    return this
  }
  // On the prototype, since to change each of ten thousand objects and back takes 50 ms.
  const undo = [shadow(net.Socket.prototype, 'destroy', name)]
  const naming = net.Socket.prototype.destroy
  try {
    for (const group of [sockets, others]) {
      for (const socket of group) {
        // Of its own, or of another class.
        if (socket.destroy !== naming) undo.push(shadow(socket, 'destroy', name))
      }
    }
    // The server's own may be shadowed, to close parked connections as well.
    Server.prototype.closeIdleConnections.call(server)
  } finally {
    for (const restore of undo.reverse()) restore()
  }
  const sorted: Sorted = { resting: [], busy: [] }
  for (const socket of sockets) {
    const rests = named.has(socket) || isSilent(socket)
    ;(rests ? sorted.resting : sorted.busy).push(socket)
  }
  return sorted
}

/**
 * Picks those of the connections that stand between two requests, at least one of which was answered.
 *
 * @remarks As {@link sortConnections}, for whoever asks a thousand times a second: a change of the
 * prototype costs all other code that uses sockets three times the processor time then.
 */
export function pickRested(server: Server, used: ReadonlySet<Socket>): Socket[] {
  const idle = idleConnections(server)
  if (idle === undefined) return []
  return [...used].filter((socket) => idle.has(socket) && isStill(socket))
}

/**
 * Accepted, and the client has not spoken: to the server that is not idle, but new. So has a
 * WebSocket that was handed over, and is no HTTP connection.
 */
function isSilent(socket: Socket): boolean {
  return socket.bytesRead === 0 && webSocketOf(socket) === undefined
}
