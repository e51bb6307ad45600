// The connections of one server: which there are, which can change process, how the others end.

import http from 'node:http'
import type { Http2Session } from 'node:http2'
import https from 'node:https'
import type { Server, Socket } from 'node:net'
import tls from 'node:tls'
import { observeServer } from '../io/hooks/observe.ts'
import { httpConnections, transportOf } from '../io/node/internals.ts'
import type { System } from '../io/system/system.ts'
import type { Fate, KindCounts } from '../terms/fates.ts'
import type { Consents } from './consents.ts'
import { endSession } from './http/http2.ts'
import { HttpMover } from './http/mover.ts'
import { Census } from './moving/census.ts'
import { closeParkedToo } from './moving/close-parked.ts'
import { markForced } from './moving/endings.ts'
import type { ConnectionKind, Mover } from './moving/mover.ts'
import { SocketSet } from './moving/socket-set.ts'
import type { Tally } from './moving/tally.ts'
import { giveNotice, type Notice } from './notice.ts'
import { RawMover } from './raw/mover.ts'
import { closeIdleTls } from './tls/close-idle.ts'
import { WebSocketMover } from './websocket/mover.ts'
import { WebSockets } from './websocket/websockets.ts'

export interface ConnectionsHandlers {
  readonly tally: Tally
  /** The last one has ended. */
  onEmpty(): void
  /** One has come to rest. */
  onQuiescent(): void
  onWarning(message: string): void
}

export class ServerConnections {
  readonly movers: Mover[] = []
  readonly #server: Server
  readonly #handlers: ConnectionsHandlers
  readonly #sockets = new SocketSet()
  readonly #census: Census
  /** By the connections below them. */
  readonly #sessions = new Map<Socket, Http2Session>()
  readonly #undo: (() => void)[] = []
  readonly #stopObserving: () => void
  #detached = false
  #closesParked = false
  #notice: Notice | undefined
  #webSockets: WebSockets | undefined
  #httpMover: HttpMover | undefined
  #webSocketMover: WebSocketMover | undefined
  #rawMover: RawMover | undefined

  constructor(server: Server, system: System, consents: Consents, handlers: ConnectionsHandlers) {
    this.#server = server
    this.#handlers = handlers
    this.#census = new Census(server, handlers.tally)
    if (server instanceof http.Server || server instanceof https.Server) {
      this.#trackWebSockets(server, system, consents)
    } else if (!(server instanceof tls.Server)) this.#moveRaw(consents)
    this.#stopObserving = observeServer(server, {
      onConnection: (socket) => this.#track(socket),
      onEnd: (socket) => this.#end(socket),
      onSession: (session, transport) => this.#trackSession(session, transport),
      onUpgrade: (request, socket) => {
        this.#track(transportOf(socket))
        this.#webSockets?.onUpgrade(request, socket)
      },
    })
  }

  get count(): number {
    return this.movers.reduce((sum, { parked }) => sum + parked, this.#sockets.size)
  }

  /** Those that are on their way to another process not counted. */
  get kinds(): KindCounts {
    const open = this.movers.reduce((sum, { leaving }) => sum - leaving, this.count)
    return this.#census.count(open)
  }

  giveNotice(): () => void {
    this.#trackInjected()
    const notice = giveNotice(this.#server, this.#sessions)
    this.#notice = notice
    return () => {
      notice.undo()
      if (this.#notice === notice) this.#notice = undefined
    }
  }

  dismiss(drainMs: number, kinds: readonly ConnectionKind[]): () => void {
    const mover = kinds.includes('websocket') ? this.#webSocketMover : undefined
    const undo = this.#webSockets?.dismiss(
      drainMs,
      (connection) => mover?.moves(connection) ?? false,
    )
    return undo ?? (() => {})
  }

  closeQuiescent(drainMs: number): void {
    this.#trackInjected()
    this.#webSockets?.dismissSoon(drainMs)
    if (this.#server instanceof tls.Server) closeIdleTls(this.#server)
    for (const [transport, session] of this.#sessions) endSession(session, transport)
    for (const mover of this.movers) {
      this.#census.parkedEnd('closed', mover, () => mover.closeQuiescent())
    }
  }

  force(): void {
    for (const socket of this.#sockets) {
      markForced(socket)
      socket.destroy()
    }
    for (const mover of this.movers) this.#closeParked(mover, 'forced')
  }

  /** The application closes what is idle: the server does, and we what is parked. */
  leaveToServer(): void {
    const mover = this.#httpMover
    if (mover === undefined) return
    this.#census.parkedEnd('closed', mover, () => mover.closeIdle())
    mover.leaveToServer()
  }

  /** Leaves the server as it was; the ends of its connections are counted until the last. */
  detach(): void {
    this.#detached = true
    for (const restore of this.#undo.splice(0)) restore()
    if (this.#sockets.size === 0) this.#stopObserving()
  }

  #trackWebSockets(
    server: http.Server | https.Server,
    system: System,
    { webSockets: servers }: Consents,
  ): void {
    const { onQuiescent, onWarning } = this.#handlers
    // A TLS connection cannot move: its cipher state lives in OpenSSL, which exports none.
    const mayMove = () => server instanceof http.Server && servers.any
    const webSockets = new WebSockets(this.#census, system, mayMove, onQuiescent)
    this.#webSockets = webSockets
    if (!(server instanceof http.Server)) return
    const httpMover = new HttpMover(server, this.#sockets, system, {
      forget: (socket) => this.#forget(socket),
      onParked: () => this.#closeParkedWithServer(server, httpMover),
      onEmpty: () => this.#checkEmpty(),
      onQuiescent,
      onExpired: () => this.#census.expired(),
    })
    this.#httpMover = httpMover
    this.#webSocketMover = new WebSocketMover(server, webSockets, servers, system, onWarning)
    this.movers.push(httpMover, this.#webSocketMover)
    this.#undo.push(() => {
      httpMover.limit.end()
      httpMover.ignoreRests()
    })
  }

  /** A server without parked connections has its own methods. */
  #closeParkedWithServer(server: http.Server, mover: HttpMover): void {
    if (this.#closesParked || this.#detached) return
    this.#closesParked = true
    const parked = {
      closeIdle: () => this.leaveToServer(),
      close: () => this.#closeParked(mover, 'closed'),
    }
    this.#undo.push(closeParkedToo(server, parked))
  }

  #moveRaw(consents: Consents): void {
    const { onQuiescent, onWarning } = this.#handlers
    const hooks = () => consents.connectionsOf(this.#server)
    this.#rawMover = new RawMover(this.#server, this.#sockets, hooks, {
      onChange: onQuiescent,
      warn: onWarning,
    })
    this.movers.push(this.#rawMover)
  }

  #closeParked(mover: Mover, fate: Fate): void {
    this.#census.parkedEnd(fate, mover, () => mover.close())
  }

  #checkEmpty(): void {
    if (this.count === 0) this.#handlers.onEmpty()
  }

  /** Runs for every connection: nothing is made for each. */
  #track(socket: Socket): void {
    if (this.#detached || this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    this.#httpMover?.limit.begin()
    if (this.#rawMover?.adopts) this.#rawMover.watch(socket)
  }

  #trackSession(session: Http2Session, transport: Socket): void {
    if (this.#detached) return
    this.#track(transport)
    this.#sessions.set(transport, session)
    this.#census.enter(transport, 'http2')
    this.#notice?.addSession(session, transport)
  }

  /**
   * Tracks connections that the program has given to its server itself, by `emit('connection')`.
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
    for (const mover of this.movers) mover.ended(socket)
    this.#forget(socket)
  }

  #forget(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return
    this.#census.end(socket)
    if (this.#sockets.size > 0) return
    if (this.#detached) this.#stopObserving()
    this.#checkEmpty()
  }
}
