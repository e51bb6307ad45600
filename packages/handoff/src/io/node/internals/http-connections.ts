// The list that a server has of its HTTP/1.1 connections.

import { type Server, Socket } from 'node:net'

interface ConnectionsList {
  all(): { socket?: unknown }[]
  idle(): { socket?: unknown }[]
  active(): { socket?: unknown }[]
}

/**
 * Returns the connections that `closeIdleConnections()` would close now and that have been used: no byte
 * of an unanswered request was read.
 *
 * @returns undefined if this Node.js does not have the list, and for servers that do not speak HTTP/1.1.
 * @see lib/_http_server.js `kConnections`, `Server.prototype.closeIdleConnections`;
 * src/node_http_parser.cc `ConnectionsList::Idle` (Node 20 to 26)
 */
export function idleConnections(server: Server): Socket[] | undefined {
  const list = connectionsOf(server)
  if (typeof list?.idle !== 'function') return undefined
  const idle: Socket[] = []
  for (const { socket } of list.idle()) {
    if (!(socket instanceof Socket)) continue
    const { _httpMessage: response } = socket as unknown as ListedSocket
    // Node 26 lists connections without a request as well.
    if (response !== undefined && response?.finished !== false) idle.push(socket)
  }
  return idle
}

/** Connections that a server lists as idle, and how many bytes were read from each by then. */
export interface IdleList {
  readonly sockets: Socket[]
  readonly bytesRead: number[]
  /** Whether the server lists no others. */
  readonly isWhole: boolean
}

/** Which of the connections that a server lists as idle are looked at. */
export interface Part {
  /** How many of them at most. */
  readonly limit: number
  /** Connections to skip. Each one that is looked at is added. */
  readonly seen: Set<Socket>
}

/**
 * As {@link idleConnections}, with those whose request was read and is being answered. Cheap: look at each with
 * {@link isAnswered} when it is its turn. A look at 10,000 takes 4 to 8 ms nevertheless, and to list them 1.5 ms.
 */
export function listIdle(server: Server, { limit, seen }: Part): IdleList | undefined {
  const list = connectionsOf(server)
  if (typeof list?.idle !== 'function') return undefined
  const sockets: Socket[] = []
  const bytesRead: number[] = []
  let left = limit
  for (const { socket } of list.idle()) {
    if (!(socket instanceof Socket) || seen.has(socket)) continue
    if (left === 0) return { sockets, bytesRead, isWhole: false }
    left -= 1
    seen.add(socket)
    const { _httpMessage: response, _handle: handle } = socket as unknown as ListedSocket
    if (response === undefined || handle === null) continue
    sockets.push(socket)
    bytesRead.push(handle?.bytesRead ?? -1)
  }
  return { sockets, bytesRead, isWhole: true }
}

/** Whether every request that was read from a connection has its response, as far as this Node.js shows that. */
export function isAnswered(socket: Socket): boolean {
  // A finished one that is still there: it answers a request that came behind the one that was answered.
  return (socket as unknown as ListedSocket)._httpMessage?.finished !== false
}

interface ListedSocket {
  /** Null after the last response, undefined before the first. */
  readonly _httpMessage?: { readonly finished: boolean } | null
  readonly _handle?: { readonly bytesRead?: number } | null
}

/**
 * Returns the connections on which a request is being read, or on which none has begun.
 *
 * @returns as {@link idleConnections}.
 * @see src/node_http_parser.cc `ConnectionsList::Active` (Node 20 to 26)
 */
export function activeConnections(server: Server): Socket[] | undefined {
  const list = connectionsOf(server)
  return typeof list?.active === 'function' ? socketsOf(list.active()) : undefined
}

/**
 * Returns the connections on which a server reads HTTP/1.1, without upgraded ones.
 *
 * @returns none if this Node.js does not have the list, and for servers that do not speak HTTP/1.1.
 * @see src/node_http_parser.cc `ConnectionsList::All` (Node 20 to 26)
 */
export function httpConnections(server: Server): Socket[] {
  const list = connectionsOf(server)
  if (typeof list?.all !== 'function') return []
  return socketsOf(list.all())
}

function socketsOf(parsers: readonly { socket?: unknown }[]): Socket[] {
  return parsers.flatMap(({ socket }) => (socket instanceof Socket ? [socket] : []))
}

let connectionsKey: symbol | undefined

function connectionsOf(server: Server): Partial<ConnectionsList> | undefined {
  connectionsKey ??= Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  if (connectionsKey === undefined) return undefined
  return (server as unknown as Record<symbol, Partial<ConnectionsList> | undefined>)[connectionsKey]
}
