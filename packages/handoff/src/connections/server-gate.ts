// Opens and shuts a net.Server (http, https, http2 alike) without the server noticing, by public API.

import http from 'node:http'
import type { Http2Session } from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Fate, KindCounts } from '../fates.ts'
import { close, dup } from '../io/descriptors.ts'
import type { Held } from '../io/listeners.ts'
import { openPlaceholder } from '../io/placeholder.ts'
import type { System } from '../io/system.ts'
import { addressOf } from './address.ts'
import { Census } from './census.ts'
import { closeParkedToo } from './close-parked.ts'
import type { Consents } from './consents.ts'
import type { Gate, GateHandlers } from './gate.ts'
import { HttpMover } from './http-mover.ts'
import { closeSession, trackSessions } from './http2.ts'
import { markForced } from './marks.ts'
import type { ConnectionKind, Mover } from './mover.ts'
import { giveNotice } from './notice.ts'
import { RawMover } from './raw-mover.ts'
import { shadow } from './shadow.ts'
import { WebSocketMover } from './websocket-mover.ts'
import { WebSockets } from './websockets.ts'

// The server's own methods may be shadowed, by us and by others.
const { close: stopAccepting } = net.Server.prototype
const listen: (this: Server, where: { fd: number }, backlog: number) => Server =
  net.Server.prototype.listen

/**
 * `waiting`: listens on a placeholder, until the commit; `moving`: between two descriptors.
 * In these and in `shut` the server's own events would tell of our doings, not of its life.
 */
type State = 'new' | 'waiting' | 'open' | 'moving' | 'shut' | 'closed'

export class ServerGate implements Gate {
  readonly movers: Mover[] = []
  readonly #server: Server
  readonly #backlog: number
  readonly #handlers: GateHandlers
  readonly #sockets = new Set<Socket>()
  readonly #census: Census
  readonly #sessions: ReadonlySet<Http2Session>
  readonly #webSockets: WebSockets | undefined
  readonly #httpMover: HttpMover | undefined
  readonly #webSocketMover: WebSocketMover | undefined
  readonly #rawMover: RawMover | undefined
  readonly #undo: (() => void)[] = []
  readonly #onSocketClose: (this: Socket) => void
  #held: Held | undefined
  #state: State = 'new'
  #settle: ((error?: Error) => void) | undefined
  #showEvents: (() => void) | undefined

  constructor(
    server: Server,
    backlog: number,
    system: System,
    consents: Consents,
    handlers: GateHandlers,
  ) {
    this.#server = server
    this.#backlog = backlog
    this.#handlers = handlers
    const census = new Census(server, handlers.tally)
    this.#census = census
    const { sessions, undo } = trackSessions(server, census)
    this.#sessions = sessions
    const onQuiescent = () => handlers.onQuiescent(this)
    const warn = (message: string) => handlers.onWarning(message)
    const onEmpty = () => this.#checkEmpty()
    const forget = (socket: Socket) => this.#forget(socket)
    if (server instanceof http.Server || server instanceof https.Server) {
      const webSockets = new WebSockets(server, census, system, onQuiescent)
      this.#webSockets = webSockets
      this.#undo.push(() => webSockets.stop())
      // A TLS connection cannot move: its cipher state lives in OpenSSL, which exports none.
      if (server instanceof http.Server) {
        const { webSockets: servers } = consents
        const mover = new WebSocketMover(server, webSockets, servers, system, warn)
        this.#webSocketMover = mover
        const httpMover = new HttpMover(server, this.#sockets, system, {
          forget,
          onEmpty,
          onQuiescent,
          onExpired: () => census.expired(),
        })
        this.#httpMover = httpMover
        this.movers.push(httpMover, mover)
        const parked = {
          closeIdle: () => this.#leaveToServer(),
          close: () => census.parkedEnd('closed', httpMover, () => httpMover.close()),
        }
        this.#undo.push(closeParkedToo(server, parked), () => {
          httpMover.limit.end()
          httpMover.ignoreRests()
        })
      }
    } else if (!(server instanceof tls.Server)) {
      this.#rawMover = new RawMover(server, this.#sockets, () => consents.connectionsOf(server), {
        forget,
        onChange: onQuiescent,
        warn,
      })
      this.movers.push(this.#rawMover)
    }
    const gate = this
    this.#onSocketClose = function () {
      gate.#forget(this)
    }
    const track = (socket: Socket) => this.#track(socket)
    server.on('connection', track)
    this.#undo.push(
      undo,
      () => server.off('connection', track),
      shadow(server, 'address', () => this.#address()),
      this.#watchClose(),
    )
  }

  /** Whether the application closed the server; then there is nothing to open any more. */
  get closed(): boolean {
    return this.#state === 'closed'
  }

  get #accepts(): boolean {
    return this.#state === 'open'
  }

  get held(): Held {
    if (this.#held === undefined) throw new TypeError('the gate has no listener yet')
    return this.#held
  }

  get ticketKeys(): Buffer | undefined {
    return this.#server instanceof tls.Server ? this.#server.getTicketKeys() : undefined
  }

  get connections(): number {
    return this.movers.reduce((sum, { parked }) => sum + parked, this.#sockets.size)
  }

  get kinds(): KindCounts {
    const open = this.movers.reduce((sum, { leaving }) => sum - leaving, this.connections)
    return this.#census.count(open)
  }

  /**
   * Makes the server listen: on the listener itself, or, while the old process still accepts from
   * it, on a placeholder. Either way `listening` is emitted and `address()` tells the real place.
   */
  attach(held: Held, accept: boolean): Promise<void> {
    this.#held = held
    if (accept) return this.#listen(dup(held.fd), 'open')
    this.#hideEvents()
    return this.#listen(openPlaceholder(), 'waiting')
  }

  reattach(held: Held): void {
    this.#held = held
  }

  /** Leaves the server as it was: it could not listen. */
  detach(): void {
    this.#showEvents?.()
    for (const restore of this.#undo.splice(0)) restore()
  }

  async open(): Promise<void> {
    if (this.#state !== 'waiting' && this.#state !== 'shut') return
    this.#state = 'moving'
    stopAccepting.call(this.#server)
    // A server without connections emits `close` at the next tick: let it pass unheard first.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (this.#state !== 'moving') return
    await this.#listen(dup(this.held.fd), 'open')
    if (this.#accepts) this.#showEvents?.()
  }

  shut(): void {
    if (this.closed) return
    this.#state = 'shut'
    this.#hideEvents()
    // Not http.Server's close, which takes a response for finished once end() was called and cuts
    // what is still to be sent, and stops the check of header timeouts.
    stopAccepting.call(this.#server)
    this.#settle?.()
  }

  giveNotice(): () => void {
    return giveNotice(this.#server, this.#sessions)
  }

  dismiss(drainMs: number, kinds: readonly ConnectionKind[]): () => void {
    const mover = kinds.includes('websocket') ? this.#webSocketMover : undefined
    const undo = this.#webSockets?.dismiss(
      drainMs,
      (connection) => mover?.moves(connection) ?? false,
    )
    return undo ?? (() => {})
  }

  closeQuiescent(): void {
    this.#webSockets?.closeAll()
    for (const session of this.#sessions) closeSession(session)
    for (const mover of this.movers) {
      this.#census.parkedEnd('closed', mover, () => mover.closeQuiescent())
    }
  }

  force(): void {
    for (const socket of this.#sockets) {
      markForced(socket)
      socket.destroy()
    }
    this.#closeParked('forced')
  }

  #closeParked(fate: Fate): void {
    for (const mover of this.movers) this.#census.parkedEnd(fate, mover, () => mover.close())
  }

  /** The application closes what is idle: the server does, and we what is parked. */
  #leaveToServer(): void {
    const mover = this.#httpMover
    if (mover === undefined) return
    this.#census.parkedEnd('closed', mover, () => mover.closeIdle())
    mover.leaveToServer()
  }

  #checkEmpty(): void {
    if (this.connections === 0) this.#handlers.onEmpty(this)
  }

  #listen(fd: number, next: 'open' | 'waiting'): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        this.#server.off('listening', settle)
        this.#server.off('error', settle)
        this.#settle = undefined
        if (error === undefined) {
          // Shut or closed meanwhile: that stands, and libuv has closed the descriptor.
          if (this.#state === 'new' || this.#state === 'moving') this.#state = next
          resolve()
        } else {
          close(fd) // libuv takes the descriptor over only when it listens.
          reject(error)
        }
      }
      this.#settle = settle
      this.#server.once('listening', settle)
      this.#server.once('error', settle)
      try {
        listen.call(this.#server, { fd }, this.#backlog)
      } catch (error) {
        settle(error as Error)
      }
    })
  }

  /** Runs for every connection: one listener for all of them, and nothing made for each. */
  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', this.#onSocketClose)
    this.#httpMover?.limit.begin()
    if (this.#rawMover?.adopts) this.#rawMover.watch(socket)
  }

  #forget(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return
    this.#census.end(socket)
    if (this.#sockets.size === 0) this.#checkEmpty()
  }

  /** Shadows emit while events are of our making; an open server runs Node's own. */
  #hideEvents(): void {
    if (this.#showEvents !== undefined) return
    const server = this.#server
    const emit = server.emit as (event: string | symbol, ...args: unknown[]) => boolean
    const undo = shadow(server, 'emit', (event: string | symbol, ...args: unknown[]) => {
      if (this.#state === 'moving' && (event === 'listening' || event === 'error')) {
        this.#settle?.(args[0] as Error | undefined)
        return true
      }
      // While connections are left or another process serves, the end has not come.
      if (event === 'close' && !this.closed) return true
      if (event === 'connection' && this.#state === 'waiting') {
        ;(args[0] as Socket).destroy()
        return true
      }
      return emit.call(server, event, ...args)
    })
    this.#showEvents = () => {
      undo()
      this.#showEvents = undefined
    }
  }

  /**
   * Our own descriptor keeps the kernel accepting after the server's is closed, and clients would
   * wait for an answer that never comes. So a close by the application must end both.
   */
  #watchClose(): () => void {
    const server = this.#server
    const undo = shadow(server, 'close', (callback?: (error?: Error) => void) => {
      const listens = server.listening
      this.#state = 'closed'
      this.#leaveToServer()
      this.detach()
      this.#handlers.onClose(this)
      // Shut for another process; to the application its server was running all the same.
      if (!listens && callback !== undefined) server.once('close', () => callback())
      server.close(listens ? callback : undefined)
      // Closed between two ticks of a listen, it emits nothing more.
      this.#settle?.()
      return server
    })
    return undo
  }

  #address(): AddressInfo | string | null {
    if (!this.#server.listening && this.#state !== 'shut') return null
    return addressOf(this.held.entry)
  }
}
