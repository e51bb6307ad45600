// The connections of one server: counts them, moves those that can move, and ends the others.

import type { Http2Session } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { observeServer } from '../io/hooks/observe-server.ts'
import { isHttpServer, isHttpsServer, isTlsServer } from '../io/node/builtins.ts'
import { httpConnections } from '../io/node/internals/http-connections.ts'
import { transportOf } from '../io/node/internals/tls.ts'
import type { System } from '../io/system/system.ts'
import type { CountedKind, KindCounts } from '../terms/fates.ts'
import { type CloseWithResponse, closeWithResponse } from './close-with-response.ts'
import { endSession } from './http/http2.ts'
import { moversOf } from './kinds.ts'
import type { Layer } from './moving/layer.ts'
import type { Mover, ServerMover } from './moving/mover.ts'
import { Origins } from './moving/origins.ts'
import type { OptIns } from './opt-ins.ts'
import { closeIdleTls } from './tls/close-idle.ts'
import { isGone, isLeaving, markForced, markGone } from './tracking/end-reasons.ts'
import type { FateCounter } from './tracking/fate-counter.ts'
import { KindCounter } from './tracking/kind-counter.ts'
import { SocketSet } from './tracking/socket-set.ts'
import { WebSockets } from './websocket/websockets.ts'

export interface ConnectionsHandlers {
  readonly fates: FateCounter
  /** Called when the server has accepted a connection itself. */
  onAccepted(): void
  /** Called when the last connection has ended. */
  onEmpty(): void
  /** Called when a connection may have become quiescent. */
  onQuiescent(): void
  onWarning(message: string): void
}

export class ServerConnections {
  readonly #movers: readonly ServerMover[]
  /** The movers that want to know of new connections. */
  readonly #observing: readonly ServerMover[]
  readonly #server: Server
  readonly #handlers: ConnectionsHandlers
  readonly #sockets = new SocketSet()
  readonly #origins = new Origins()
  readonly #counter: KindCounter
  /** By the connections below them. */
  readonly #sessions = new Map<Socket, Http2Session>()
  readonly #webSockets: WebSockets | undefined
  /** Undefined if no connection of the server moves. */
  readonly #layer: Layer | undefined
  readonly #stopObserving: () => void
  /** How many of the sockets belong to connections that another process has. They are dropped a few at a time. */
  #gone = 0
  #detached = false
  #closing: CloseWithResponse | undefined

  constructor(server: Server, system: System, optIns: OptIns, handlers: ConnectionsHandlers) {
    this.#server = server
    this.#handlers = handlers
    this.#counter = new KindCounter(server, handlers.fates)
    const { onQuiescent, onWarning } = handlers
    const layer = optIns.layerOf(server)
    this.#layer = layer
    if (isHttpServer(server) || isHttpsServer(server)) {
      const optedIn = layer === undefined ? undefined : optIns.webSockets
      this.#webSockets = new WebSockets(this.#counter, system, optedIn, onQuiescent)
    }
    this.#movers =
      layer === undefined
        ? []
        : moversOf({
            server,
            sockets: this.#sockets,
            origins: this.#origins,
            system,
            optIns,
            counter: this.#counter,
            layer,
            webSockets: this.#webSockets,
            open: () => this.#open,
            forget: (sockets) => this.#noteGone(sockets),
            onEmpty: () => this.#checkEmpty(),
            onQuiescent,
            onWarning,
          })
    this.#observing = this.#movers.filter(({ onConnection }) => onConnection !== undefined)
    this.#stopObserving = observeServer(server, {
      onConnection: (socket) => this.#track(socket),
      onAccepted: () => handlers.onAccepted(),
      onEnd: (socket) => this.#end(socket),
      onSession: (session, transport) => this.#trackSession(session, transport),
      onUpgrade: (request, socket) => {
        this.#track(transportOf(socket))
        this.#webSockets?.onUpgrade(request, socket)
      },
    })
  }

  /** One for each kind of connection that can change process. */
  get movers(): readonly Mover[] {
    return this.#movers
  }

  /** The connections that this process still serves. */
  get count(): number {
    return this.#movers.reduce((sum, { parking }) => sum + (parking?.size ?? 0), this.#open)
  }

  /** How many connections this process has served as sockets so far. */
  get accepted(): number {
    return this.#sockets.added
  }

  /** The same by kind, without those that are on their way to another process. */
  get kinds(): KindCounts {
    const open = this.#movers.reduce((sum, { leaving = 0 }) => sum - leaving, this.count)
    return this.#counter.byKind(open)
  }

  /** The keys that encrypt the session tickets of a TLS server. A secret. */
  get ticketKeys(): Buffer | undefined {
    return isTlsServer(this.#server) ? this.#server.getTicketKeys() : undefined
  }

  /**
   * Ends each connection with its next response. Returns the undo, for those that have had none yet.
   *
   * @param moves - whether those that can move go to another process. Then only the others end.
   */
  closeWithResponse(moves = false): (() => void) | undefined {
    const layer = this.#layer
    if (moves && layer?.secured !== true) return undefined
    this.#trackInjected()
    const stays = (socket: Socket) => !moves || layer?.stays(socket) !== false
    const closing = closeWithResponse(this.#server, this.#sessions, stays)
    this.#closing = closing
    return () => {
      closing.undo()
      if (this.#closing === closing) this.#closing = undefined
    }
  }

  /**
   * Asks WebSockets that do not move to connect again, one by one within the drain time.
   *
   * @param kinds - the kinds of connections that move.
   * @returns the undo, for those that have not been asked yet.
   */
  closeWebSockets(drainMs: number, kinds: readonly CountedKind[]): () => void {
    const undo = this.#webSockets?.closeGradually(drainMs, kinds.includes('websocket'))
    return undo ?? (() => {})
  }

  /**
   * Closes quiescent connections that no process takes: no client loses anything. WebSockets are asked
   * to connect again, one by one and well within the drain time.
   */
  closeQuiescent(drainMs: number): void {
    this.#trackInjected()
    this.#webSockets?.closeSoon(drainMs)
    if (isTlsServer(this.#server)) closeIdleTls(this.#server)
    for (const [transport, session] of this.#sessions) endSession(session, transport)
    for (const mover of this.#movers) {
      this.#counter.countParkedEnds('closed', mover, () => mover.closeQuiescent?.())
    }
  }

  /** Closes all connections that are left, at the drain deadline. */
  forceClose(): void {
    for (const socket of this.#sockets) {
      // One that leaves has been counted, or counts with its batch. Its socket may be about to close.
      if (!isLeaving(socket)) markForced(socket)
      socket.destroy()
    }
    for (const mover of this.#movers) {
      mover.stopTaking?.()
      this.#counter.countParkedEnds('forced', mover, () => mover.parking?.close())
    }
  }

  /** No more connections move, until a mover is asked again. */
  stopMoving(): void {
    for (const mover of this.#movers) mover.stopTaking?.()
  }

  /** The old process does not take connections back any more: does not report when they are quiescent. */
  stopRestReports(): void {
    for (const mover of this.#movers) mover.stopRestReports?.()
  }

  /**
   * The application closes the server: closes those parked connections that the server would close as
   * idle, and makes sockets of the others.
   */
  releaseParked(): void {
    for (const mover of this.#movers) {
      const { parking } = mover
      if (parking === undefined) continue
      this.#counter.countParkedEnds('closed', mover, () => parking.closeIdle())
      mover.stopTaking?.()
      parking.unpark()
    }
  }

  /** Leaves the server as it was. The ends of its connections are counted up to the last. */
  detach(): void {
    this.#detached = true
    for (const mover of this.#movers) mover.detach?.()
    if (this.#sockets.size === 0) this.#stopObserving()
  }

  /** Connections that this process serves as sockets, and those on their way to another. */
  get #open(): number {
    return this.#sockets.size - this.#gone
  }

  #checkEmpty(): void {
    if (this.count === 0) this.#handlers.onEmpty()
  }

  /** Runs for every connection: allocates nothing for each. */
  #track(socket: Socket): void {
    if (this.#detached || this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    for (const mover of this.#observing) mover.onConnection?.(socket)
  }

  #trackSession(session: Http2Session, transport: Socket): void {
    if (this.#detached) return
    this.#track(transport)
    this.#sessions.set(transport, session)
    this.#counter.setKind(transport, 'http2')
    this.#closing?.addSession(session, transport)
  }

  /**
   * Tracks connections that the program itself has given to its server, by `emit('connection')`.
   *
   * @remarks They count among another server's, or no server's: only a listener notices their end.
   */
  #trackInjected(): void {
    for (const connection of httpConnections(this.#server)) {
      const socket = transportOf(connection)
      if (this.#sockets.has(socket) || socket.destroyed) continue
      this.#track(socket)
      socket.once('close', () => this.#end(socket))
    }
  }

  #end(socket: Socket): void {
    this.#sessions.delete(socket)
    this.#webSockets?.end(socket)
    this.#origins.reportEnd(socket)
    for (const mover of this.#movers) mover.onEnd?.(socket)
    this.#forget(socket)
  }

  #forget(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return
    const wasGone = isGone(socket)
    if (wasGone) this.#gone -= 1
    this.#counter.countEnd(socket)
    if (this.#detached && this.#sockets.size === 0) this.#stopObserving()
    if (!wasGone && this.#open === 0) this.#checkEmpty()
  }

  /** Runs for thousands of connections in a row. What is left to do is done when each socket is dropped. */
  #noteGone(sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      if (!this.#sockets.has(socket)) continue
      markGone(socket)
      this.#gone += 1
    }
    if (this.#open === 0) this.#checkEmpty()
  }
}
