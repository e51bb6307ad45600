// Finds the HTTP/1.1 connections that are between two requests, by the server's own public method.

import type { Server } from 'node:http'
import net, { type Socket } from 'node:net'
import { builtins } from '../../io/node/builtins.ts'
import { bytesReadFrom } from '../../io/node/internals/connection-handle.ts'
import {
  activeConnections,
  type IdleList,
  idleConnections,
  listIdle,
  type Part,
} from '../../io/node/internals/http-connections.ts'
import { transportOf } from '../../io/node/internals/tls.ts'
import { shadowMethod } from '../../io/node/shadow-method.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import { isLeaving } from '../tracking/end-reasons.ts'
import type { OpenSockets, Sockets } from '../tracking/socket-set.ts'
import { webSocketOf } from '../websocket/connection.ts'

/** The connections of a server. */
export interface SortedConnections {
  /**
   * Every request that was read has been answered. Such a connection can change process if it has no
   * bytes in flight, too: to the server a response is finished once end() was called, flushed or not.
   */
  resting: Socket[]
  /** Others. Those on which no request is being read may be missing. */
  busy: Socket[]
}

/**
 * Sorts connections by whether they wait for a request now. Skips those that leave.
 *
 * @param sockets - the connections to sort.
 * @param others - all other connections of the server.
 */
export function sortConnections(
  server: Server,
  sockets: Sockets,
  others: Iterable<Socket> = [],
): SortedConnections {
  const idle = idleConnections(server)
  const active = activeConnections(server)
  if (idle === undefined || active === undefined) {
    return sortByClosable(sockets, closableConnections(server, sockets, others))
  }
  const isHere = (socket: Socket) => sockets.has(socket) && !isLeaving(socket)
  const [silent, busy] = partition(active.filter(isHere), isSilent)
  return { resting: idle.filter(isHere).concat(silent), busy }
}

/** Connections that wait for a request now. */
export interface RestingList extends IdleList {
  /** Others. Those on which no request is being read may be missing. */
  readonly busy: readonly Socket[]
}

/**
 * Lists connections that wait for a request now, without a look at each: some of them may answer one, or leave.
 *
 * @param part - which of the used connections to list. The first part has the unused and the busy ones as well.
 * @param sort - sorts them without the server's own list.
 */
export function listResting(
  server: Server,
  sockets: Pick<OpenSockets, 'isHere'>,
  part: Part,
  sort: () => SortedConnections,
): RestingList {
  const isFirst = part.seen.size === 0
  const idle = listIdle(server, part)
  const active = isFirst ? activeConnections(server) : []
  if (idle === undefined || active === undefined) {
    const { resting, busy } = sort()
    return { sockets: resting, bytesRead: resting.map(bytesReadFrom), isWhole: true, busy }
  }
  const busy: Socket[] = []
  for (const socket of active) {
    if (socket.destroyed || !sockets.isHere(transportOf(socket))) continue
    if (!isSilent(socket)) busy.push(socket)
    else {
      idle.sockets.push(socket)
      idle.bytesRead.push(bytesReadFrom(socket))
    }
  }
  return { ...idle, busy }
}

function sortByClosable(sockets: Sockets, closable: ReadonlySet<Socket>): SortedConnections {
  const here = [...sockets].filter((socket) => !isLeaving(socket))
  const [resting, busy] = partition(here, (socket) => closable.has(socket) || isSilent(socket))
  return { resting, busy }
}

/** Returns the sockets for which `filter` is true, and the others. */
function partition(
  sockets: readonly Socket[],
  filter: (socket: Socket) => boolean,
): [Socket[], Socket[]] {
  const [matching, others]: [Socket[], Socket[]] = [[], []]
  for (const socket of sockets) (filter(socket) ? matching : others).push(socket)
  return [matching, others]
}

/**
 * Returns the connections that the server's own public method would close as idle.
 *
 * @remarks `closeIdleConnections()` destroys exactly those that wait for a request. `destroy` is
 * shadowed meanwhile, for all connections of the server, so that it only names them. All of this
 * happens within one tick, and no code of the application runs in it.
 */
function closableConnections(
  server: Server,
  sockets: Iterable<Socket>,
  others: Iterable<Socket>,
): Set<Socket> {
  const named = new Set<Socket>()
  const name = function (this: Socket) {
    named.add(this)
    return this
  }
  // On the prototype: to change each of ten thousand objects and back takes 50 ms.
  const undo = [shadowMethod(net.Socket.prototype, 'destroy', name)]
  const naming = net.Socket.prototype.destroy
  try {
    for (const group of [sockets, others]) {
      for (const socket of group) {
        // A socket with a `destroy` of its own, or of another class.
        if (socket.destroy !== naming) undo.push(shadowMethod(socket, 'destroy', name))
      }
    }
    // The server's own may be shadowed, to close parked connections as well.
    builtins.http.Server.prototype.closeIdleConnections.call(server)
  } finally {
    for (const restore of undo.reverse()) restore()
  }
  return named
}

/**
 * Returns those of the used connections that are between two requests now.
 *
 * @remarks Fit for a thousand calls a second: without the server's list there are none, since a change of the
 * prototype costs all other code that uses sockets three times the processor time then.
 * @param used - connections on which at least one request was answered.
 */
export function restingAmong(server: Server, used: ReadonlySet<Socket>): Socket[] {
  const idle = idleConnections(server)
  if (idle === undefined) return []
  return idle.filter((socket) => used.has(socket) && hasNoBytesInFlight(socket))
}

/**
 * Whether a client has connected and not spoken. To the server that connection is new, not idle. A
 * WebSocket that was handed over looks the same, but is not an HTTP connection.
 */
function isSilent(socket: Socket): boolean {
  return socket.bytesRead === 0 && webSocketOf(socket) === undefined
}
