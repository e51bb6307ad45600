// The only file that touches undocumented fields of Node. Each use is checked before it is relied on.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { EventEmitter } from 'node:events'
import { IncomingMessage } from 'node:http'
import type { Http2Session } from 'node:http2'
import { type AddressInfo, Server, type ServerOpts, Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { ListenOptions } from './listen-arguments.ts'

interface DatagramHandle {
  recvStart(): number
  recvStop(): number
  close(): void
}

/**
 * Tells whether a datagram socket was created as `udp6`.
 *
 * @see lib/dgram.js `Socket` (Node 20 to 26)
 */
export function isUdp6(socket: DatagramSocket): boolean {
  return (socket as unknown as { type?: unknown }).type === 'udp6'
}

/**
 * Stops or resumes reading from a bound datagram socket, which has no public way to pause: what
 * arrives meanwhile waits in the kernel, for the other process that holds the same socket.
 *
 * @returns false where this Node does not have the fields; the socket then reads on.
 * @see lib/dgram.js `kStateSymbol`, src/udp_wrap.cc `UDPWrap::RecvStop` (Node 20 to 26)
 */
export function setDatagramReading(socket: DatagramSocket, reading: boolean): boolean {
  const handle = datagramHandle(socket)
  if (handle === undefined) return false
  return (reading ? handle.recvStart() : handle.recvStop()) === 0
}

/** What `dgram.createSocket` was told about the bind to come; unknown where this Node does not say. */
export interface DatagramOptions {
  reuseAddr?: boolean
  reusePort?: boolean
  ipv6Only?: boolean
}

/**
 * Tells how an unbound datagram socket is to be bound.
 *
 * @returns undefined when it is bound, binding or closed.
 * @see lib/dgram.js `Socket` (Node 20 to 26)
 */
export function unboundDatagramOptions(socket: DatagramSocket): DatagramOptions | undefined {
  const { handle, bindState, reuseAddr, reusePort, ipv6Only } = datagramState(socket)
  if (handle === null || (bindState !== undefined && bindState !== 0)) return undefined
  return {
    ...(reuseAddr === true && { reuseAddr }),
    ...(reusePort === true && { reusePort }),
    ...(ipv6Only === true && { ipv6Only }),
  }
}

/**
 * Tells whether a datagram socket was closed, before its `close` event does.
 *
 * @see lib/dgram.js `Socket.prototype.close` (Node 20 to 26)
 */
export function isClosedDatagram(socket: DatagramSocket): boolean {
  return datagramState(socket).handle === null
}

/**
 * Calls back when the program closes a datagram socket, by whatever way; before it is closed.
 *
 * @returns false where this Node does not have the fields.
 * @see lib/dgram.js `Socket.prototype.close` (Node 20 to 26)
 */
export function observeDatagramClose(socket: DatagramSocket, onClose: () => void): boolean {
  const { handle } = datagramState(socket)
  if (typeof handle?.close !== 'function') return false
  const { close } = handle
  const value = (...args: unknown[]) => {
    onClose()
    return Reflect.apply(close, handle, args)
  }
  Object.defineProperty(handle, 'close', { value, configurable: true, writable: true })
  return true
}

interface DatagramState extends DatagramOptions {
  handle?: Partial<DatagramHandle> | null
  /** 0: unbound. */
  bindState?: unknown
}

function datagramState(socket: DatagramSocket): DatagramState {
  const key = Object.getOwnPropertySymbols(socket).find(
    (symbol) => symbol.description === 'state symbol',
  )
  if (key === undefined) return {}
  return (socket as unknown as Record<symbol, DatagramState | undefined>)[key] ?? {}
}

function datagramHandle(socket: DatagramSocket): DatagramHandle | undefined {
  const { handle } = datagramState(socket)
  if (typeof handle?.recvStart !== 'function' || typeof handle.recvStop !== 'function') {
    return undefined
  }
  return handle as DatagramHandle
}

/**
 * Tells the descriptor of an open socket, which stays the socket's.
 *
 * @returns undefined where this Node does not tell.
 * @see src/stream_base.cc `StreamBase::GetFD` (Node 20 to 26)
 */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/**
 * Returns the bytes that a socket has given to libuv and libuv not yet to the kernel.
 *
 * @returns undefined if the socket is closed, and where this Node does not tell.
 * @see src/stream_wrap.cc `LibuvStreamWrap::GetWriteQueueSize` (Node 20 to 26)
 */
export function unsentBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { writeQueueSize?: unknown } | null }
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : undefined
}

/** Whether {@link setReading} works on this connection. */
export function canSetReading(socket: Socket): boolean {
  const handle = (socket as unknown as { _handle?: Partial<StreamHandle> | null })._handle
  return typeof handle?.readStart === 'function' && typeof handle.readStop === 'function'
}

/**
 * Stops or resumes reading from a connection, below the socket and whatever parses its bytes.
 *
 * @returns false where this Node does not have the fields; it reads on then.
 * @see src/stream_base.cc `StreamBase::ReadStopJS` (Node 20 to 26)
 */
export function setReading(socket: Socket, reading: boolean): boolean {
  if (!canSetReading(socket)) return false
  const { _handle: handle } = socket as unknown as { _handle: StreamHandle }
  return (reading ? handle.readStart() : handle.readStop()) === 0
}

interface StreamHandle {
  readStart(): number
  readStop(): number
}

/**
 * Counts a connection that the server did not accept itself among its own, so that
 * `getConnections()`, `maxConnections` and the end of `close()` are right.
 *
 * @returns false where this Node does not have the fields; nothing was changed then.
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function countConnection(server: Server, socket: Socket): boolean {
  const counted = server as unknown as { _connections?: unknown }
  const owned = socket as unknown as { server: Server | null; _server: Server | null }
  if (typeof counted._connections !== 'number' || !('_server' in socket)) return false
  counted._connections += 1
  owned.server = server
  owned._server = server
  return true
}

/**
 * Makes a connection that one server accepted another's.
 *
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function moveConnection(from: Server, to: Server, socket: Socket): void {
  if (countConnection(to, socket)) countSocketless(from, -1)
}

/**
 * Tells whether a server has as many connections as `maxConnections` lets it have.
 *
 * @see lib/net.js `onconnection` (Node 20 to 26)
 */
export function isFull(server: Server): boolean {
  const { _connections: count } = server as unknown as { _connections?: unknown }
  const { maxConnections } = server as { maxConnections?: number | null }
  return typeof count === 'number' && typeof maxConnections === 'number' && count >= maxConnections
}

/** Fields of a server that say how a connection is accepted, beside `maxConnections`. */
const acceptFields = [
  'allowHalfOpen',
  'pauseOnConnect',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
  'blockList',
]

/**
 * Tells how a server accepts connections, as options for another one.
 *
 * @see lib/net.js `Server`, `onconnection` (Node 20 to 26)
 */
export function acceptOptions(server: Server): ServerOpts {
  const fields = server as unknown as Record<string, unknown>
  const given = acceptFields.flatMap((name) => {
    const value = fields[name]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given)
}

/**
 * Counts connections among a server's for which there is no socket: parked ones.
 *
 * @see lib/net.js `Server.prototype.getConnections`, `onconnection` (Node 20 to 26)
 */
export function countSocketless(server: Server, by: number): void {
  const counted = server as unknown as { _connections?: unknown }
  if (typeof counted._connections === 'number') counted._connections += by
}

/**
 * Looks at the clock by which Node ends silent sockets, once for many of them.
 *
 * @returns what tells how long a socket may still stay silent, in milliseconds: 0 = for ever,
 * undefined = this Node does not tell.
 * @see lib/internal/timers.js `kTimeout`, `Timeout`; lib/net.js `Socket.prototype._unrefTimer`
 * (Node 20 to 26)
 */
export function silenceLeft(): (socket: Socket) => number | undefined {
  const clock = setTimeout(() => {}, 1)
  const now = (clock as unknown as Partial<SilenceTimer>)._idleStart
  clearTimeout(clock)
  let key: symbol | undefined
  return (socket) => {
    if (key === undefined || !(key in socket)) {
      key = Object.getOwnPropertySymbols(socket).find(
        ({ description }) => description === 'timeout',
      )
    }
    if (key === undefined || now === undefined) return undefined
    const timer = (socket as unknown as Record<symbol, Partial<SilenceTimer> | null>)[key]
    // None was asked for, or it has run and whoever listened let the socket be.
    if (timer === null || timer?._destroyed === true) return 0
    const { _idleStart: start, _idleTimeout: after } = timer ?? {}
    if (typeof start !== 'number' || typeof after !== 'number') return undefined
    return Math.max(1, Math.ceil(start + after - now))
  }
}

interface SilenceTimer {
  _idleStart: number
  _idleTimeout: number
  _destroyed: boolean
}

/**
 * Tells which request of a connection is being read, be it answered or not.
 *
 * @returns undefined between two requests, before a head is whole, and where Node does not tell.
 * @see lib/_http_common.js `parserOnHeadersComplete`, lib/_http_server.js `clearIncoming` (Node 20
 * to 26)
 */
export function requestBeingRead(socket: Socket): IncomingMessage | undefined {
  const { parser } = socket as unknown as { parser?: { incoming?: unknown } | null }
  const incoming = parser?.incoming
  return incoming instanceof IncomingMessage && !incoming.complete ? incoming : undefined
}

/**
 * Tells which connections of a server `closeIdleConnections()` would close now, without closing them,
 * of those that have been used: no byte of a request was read that is not answered.
 *
 * @returns undefined where this Node does not tell, and for servers that do not speak HTTP/1.1.
 * @see lib/_http_server.js `kConnections`, `Server.prototype.closeIdleConnections`;
 * src/node_http_parser.cc `ConnectionsList::Idle` (Node 20 to 26)
 */
export function idleConnections(server: Server): Set<Socket> | undefined {
  const list = connectionsOf(server)
  if (typeof list?.idle !== 'function') return undefined
  const idle = new Set<Socket>()
  for (const { socket } of list.idle()) {
    if (!(socket instanceof Socket)) continue
    // Node 26 lists those as well on which nobody has spoken yet.
    if (!('_httpMessage' in socket)) continue
    const { _httpMessage: response } = socket as { _httpMessage: { finished: boolean } | null }
    // Of a request that came behind the one that was answered.
    if (response === null || response.finished) idle.add(socket)
  }
  return idle
}

/**
 * Returns the connections on which a server reads HTTP/1.1, upgraded ones excepted.
 *
 * @returns none where this Node does not tell, and for servers that do not speak HTTP/1.1.
 * @see src/node_http_parser.cc `ConnectionsList::All` (Node 20 to 26)
 */
export function httpConnections(server: Server): Socket[] {
  const list = connectionsOf(server)
  if (typeof list?.all !== 'function') return []
  return list.all().flatMap(({ socket }) => (socket instanceof Socket ? [socket] : []))
}

function connectionsOf(server: Server): Partial<ConnectionsList> | undefined {
  connectionsKey ??= Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  if (connectionsKey === undefined) return undefined
  return (server as unknown as Record<symbol, Partial<ConnectionsList> | undefined>)[connectionsKey]
}

let connectionsKey: symbol | undefined

interface ConnectionsList {
  all(): { socket?: unknown }[]
  idle(): { socket?: unknown }[]
}

/**
 * Tells whether the connections of a server stay open when the client has closed its side; those
 * of an HTTP server do.
 *
 * @returns false, the default, where this Node does not tell.
 * @see lib/net.js `Server` (Node 20 to 26)
 */
export function allowsHalfOpen(server: Server): boolean {
  return (server as unknown as { allowHalfOpen?: unknown }).allowHalfOpen === true
}

/**
 * Returns the connection below a TLS socket.
 *
 * @returns undefined where there is none, or this Node does not tell.
 * @see lib/internal/tls/wrap.js `TLSSocket.prototype._init` (Node 20 to 26)
 */
export function parentOf(socket: Socket): Socket | undefined {
  const parent = (socket as unknown as { _parent?: unknown })._parent
  return parent instanceof Socket ? parent : undefined
}

/** Returns the connection below a socket, or the socket itself. */
export function transportOf(socket: Socket): Socket {
  return parentOf(socket) ?? socket
}

/**
 * Returns the server among whose connections a socket counts.
 *
 * @see lib/net.js `onconnection`, `Socket.prototype._destroy` (Node 20 to 26)
 */
export function serverOf(socket: Socket): Server | undefined {
  return (socket as unknown as { _server?: Server | null })._server ?? undefined
}

/**
 * Returns the HTTP/2 session that a socket is bound to.
 *
 * @remarks lib/internal/stream_base_commons.js does not export the symbol that
 * lib/internal/http2/core.js imports: the name of the property is "undefined" (Node 20 to 26).
 * @see lib/internal/http2/core.js `Http2Session`, `cleanupSession`
 */
export function boundSession(socket: Socket): Http2Session | undefined {
  const fields = socket as unknown as Record<symbol | string, unknown>
  const session = fields.undefined ?? fields[boundSessionKey(socket) ?? '']
  const isSession = typeof (session as Partial<Http2Session> | undefined)?.goaway === 'function'
  return isSession ? (session as Http2Session) : undefined
}

function boundSessionKey(socket: Socket): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'kBoundSession',
  )
}

/**
 * Returns the request that is about to become an upgrade: all of its head has been read.
 *
 * @returns undefined for every other request, CONNECT included.
 * @see lib/_http_server.js `onParserExecuteCommon` (Node 20 to 26)
 */
export function upgradeBeingMade(socket: Socket): IncomingMessage | undefined {
  const { parser } = socket as unknown as { parser?: { incoming?: unknown } | null }
  const incoming = parser?.incoming
  if (!(incoming instanceof IncomingMessage) || incoming.method === 'CONNECT') return undefined
  return (incoming as { upgrade?: unknown }).upgrade === true ? incoming : undefined
}

/**
 * Tells whether the application chose the ticket keys of a TLS server when it made it.
 *
 * @see lib/internal/tls/wrap.js `Server.prototype.setSecureContext` (Node 20 to 26)
 */
export function hasOwnTicketKeys(server: TlsServer): boolean {
  return (server as unknown as { ticketKeys?: unknown }).ticketKeys !== undefined
}

/**
 * Adds listeners that do not count for the limit at which Node.js warns of a leak.
 *
 * @see lib/events.js `_addListener` (Node 20 to 26)
 */
export function withoutListenerLimit(emitter: EventEmitter, add: () => void): void {
  const limited = emitter as unknown as { _maxListeners?: number | undefined }
  const { _maxListeners: limit } = limited
  limited._maxListeners = 0
  try {
    add()
  } finally {
    limited._maxListeners = limit
  }
}

/**
 * Tells whether the `exit` listeners of this process run. A listener of our own would be noticed, and
 * might come after the program's.
 *
 * @see lib/internal/process/per_thread.js `exit` (Node 20 to 26)
 */
export function isExiting(): boolean {
  return (process as { _exiting?: boolean })._exiting === true
}

/** What a server listens with. */
export interface ListeningHandle {
  close(callback?: () => void): void
  /** Called with each connection that is accepted. */
  onconnection?: unknown
  getsockname?: unknown
}

/**
 * Returns what a server listens with; null if it does not listen.
 *
 * @see lib/net.js `setupListenHandle`, `Server.prototype.close` (Node 20 to 26)
 */
export function handleOf(server: Server): ListeningHandle | null {
  return (server as unknown as { _handle?: ListeningHandle | null })._handle ?? null
}

/** Replaces what a server listens with, and closes nothing. */
export function setHandle(server: Server, handle: ListeningHandle | null): void {
  ;(server as unknown as { _handle: ListeningHandle | null })._handle = handle
}

/**
 * Gives a server that listens on a descriptor the fields that it has when it listens at the place.
 *
 * @see lib/net.js `setupListenHandle`, `Server.prototype.listen`, `Server.prototype.address` (Node
 * 20 to 26)
 */
export function namePlace(server: Server, place: AddressInfo | string): void {
  const fields = server as unknown as { _connectionKey: string; _pipeName?: string }
  if (typeof place === 'string') fields._pipeName = place
  const { family, address, port } =
    typeof place === 'string' ? { family: '-1', address: place, port: -1 } : place
  fields._connectionKey = `${family.replace('IPv', '')}:${address}:${port}`
}

/**
 * Makes a call of `listen` that the server does not count: it is none of its program's.
 *
 * @see lib/net.js `Server.prototype.listen` (Node 20 to 26)
 */
export function uncounted(server: Server, listen: () => void): void {
  const counting = server as unknown as { _listeningId: number }
  const { _listeningId: count } = counting
  try {
    listen()
  } finally {
    counting._listeningId = count
  }
}

/** @see lib/net.js `setupListenHandle`, `Server.prototype._listen2` (Node 20 to 26) */
export const bindStepName = '_listen2'

/** What `listen` calls on the server, to bind and listen, after it has read its arguments. */
export type BindStep = (
  this: Server,
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
) => void

/** An error, and no bind, if this Node.js does not call the step. */
const nowhere = '/dev/null/socket'
const probeBacklog = 7

/**
 * Tells whether `listen` calls the step that binds, with the arguments that {@link readBindStep} reads.
 * Asks servers of its own to listen, which are never bound.
 *
 * @see lib/net.js `Server.prototype.listen`, `listenInCluster` (Node 20 to 26)
 */
export function callsBindStep(): boolean {
  const prototype: object = Server.prototype
  if (typeof Reflect.get(prototype, bindStepName) !== 'function') return false
  const places = [{ port: 0 }, { path: nowhere }]
  return places.every((place) => {
    const read = readBindStep(bindStepArguments(place))
    const expected = { backlog: probeBacklog, ...place }
    return JSON.stringify(read) === JSON.stringify(expected)
  })
}

/** What `listen` calls the step with; nothing if it does not call it. */
function bindStepArguments(place: ListenOptions): unknown[] {
  const server = new Server()
  let args: unknown[] = []
  const value = (...given: unknown[]) => {
    args = given
  }
  Object.defineProperty(server, bindStepName, { value, configurable: true })
  try {
    server.listen({ ...place, backlog: probeBacklog, exclusive: true })
  } catch {
    return []
  }
  if (args.length === 0) server.on('error', () => {}).close()
  return args
}

/** `UV_TCP_IPV6ONLY` and, since Node 23.1, `UV_TCP_REUSEPORT` of include/uv.h. */
const ipv6OnlyFlag = 1
const reusePortFlag = 2

/**
 * Reads the arguments of the bind step.
 *
 * @returns undefined for what listens otherwise than on a port, a path or a descriptor.
 * @see lib/net.js `listenInCluster`, `setupListenHandle` (Node 20 to 26)
 */
export function readBindStep(args: readonly unknown[]): ListenOptions | undefined {
  const [address, port, , backlog, fd, flags] = args as Parameters<BindStep>
  const common = typeof backlog === 'number' && backlog > 0 ? { backlog } : {}
  if (typeof fd === 'number' && fd >= 0) return { ...common, fd }
  if (port === -1) return typeof address === 'string' ? { ...common, path: address } : undefined
  if (typeof port !== 'number') return undefined
  const bits = flags ?? 0
  return {
    ...common,
    port,
    ...(typeof address === 'string' && address !== '' && { host: address }),
    ...((bits & ipv6OnlyFlag) !== 0 && { ipv6Only: true }),
    ...((bits & reusePortFlag) !== 0 && { reusePort: true }),
  }
}

/**
 * Lets Node.js set the mode of a Unix path on a server that listens on something else for now.
 *
 * @see lib/net.js `Server.prototype.listen`: readableAll, writableAll (Node 20 to 26)
 */
export function ignoreMode(server: Server): void {
  const { _handle: handle } = server as unknown as { _handle?: object | null }
  if (handle === null || handle === undefined) return
  Object.defineProperty(handle, 'fchmod', { value: () => 0, configurable: true })
}

/** The size of `sun_path` on Linux, where alone there are abstract names. @see unix(7) */
const longestName = 108

/**
 * Returns an abstract Unix name as this Node.js binds it, without the NUL before it: Node.js 20 fills
 * it up with NULs, which are part of the name.
 *
 * @see src/unix/pipe.c `uv_pipe_bind` of libuv
 */
export function abstractName(name: string): string {
  const pads = Number(process.versions.node.split('.')[0]) < 22
  return pads ? name.padEnd(longestName - 1, '\0') : name
}
