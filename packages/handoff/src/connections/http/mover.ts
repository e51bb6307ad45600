// HTTP/1.1 connections between two requests: they go over as descriptors, and park until they speak.

import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import { readProgress } from '../../io/native/many-connections.ts'
import {
  countSocketless,
  descriptorOf,
  requestBeingRead,
  silenceLeft,
} from '../../io/node/internals.ts'
import type { System } from '../../io/system/system.ts'
import { adoptEach, announce, attach } from '../moving/attach.ts'
import { isStill } from '../moving/bytes-in-flight.ts'
import { canDepart, Dropper, departing, resume, silence } from '../moving/depart.ts'
import { isAway, markClosed } from '../moving/endings.ts'
import type { Arriving, Departing, Mover, Origin } from '../moving/mover.ts'
import { PickedConnections } from '../moving/queue.ts'
import { type Rested, RestWatch } from '../moving/rest-watch.ts'
import type { Sockets } from '../moving/socket-set.ts'
import { pickRested, type Sorted, sortConnections } from './between-requests.ts'
import { type HttpItem, idleMs, isNew, isUnspoken, readHttpItem, unspokenMs } from './item.ts'
import { Parking } from './parking.ts'
import { RequestLimit } from './request-limit.ts'

interface HttpHandlers {
  /** Connections have been parked. */
  onParked(): void
  /** The connection is no longer this process's. */
  forget(socket: Socket): void
  /** The last parked connection has ended. */
  onEmpty(): void
  /** A parked connection has been silent for too long, and is closed. */
  onExpired(): void
  /** What could not go over before may do so now. */
  onQuiescent(): void
}

export class HttpMover implements Mover {
  readonly kind = 'http'
  readonly adopts = true
  readonly #server: Server
  readonly #sockets: Sockets
  readonly #parking: Parking
  readonly #forget: (socket: Socket) => void
  readonly #onExpired: () => void
  readonly #onQuiescent: () => void
  readonly #picked = new PickedConnections()
  /** How many are on the way: silenced, and the other process may have them. */
  #leaving = 0
  readonly #dropper: Dropper
  readonly #rests: RestWatch
  /** Whom to tell of the end of a connection, if it came from another process. */
  readonly #origins = new WeakMap<Socket, Origin>()
  /** Requests whose end is waited for. */
  readonly #awaited = new WeakSet<IncomingMessage>()
  readonly limit: RequestLimit

  /** @param sockets - the connections that the server has. */
  constructor(server: Server, sockets: Sockets, system: System, handlers: HttpHandlers) {
    this.#server = server
    this.#sockets = sockets
    this.#forget = handlers.forget
    this.#onExpired = handlers.onExpired
    this.#onQuiescent = handlers.onQuiescent
    // What waited for a free descriptor can go on.
    this.#dropper = new Dropper(handlers.onQuiescent)
    this.limit = new RequestLimit(server)
    this.#rests = new RestWatch(system, {
      pick: (used) => this.#pickRests(used),
      size: () => sockets.size,
    })
    this.#parking = new Parking(system, {
      onSpeaks: (parked) => this.#unpark(parked),
      onExpired: (parked) => this.#expire(parked),
      onCount: (by) => {
        if (by > 0) handlers.onParked()
        countSocketless(server, by)
      },
      onEmpty: handlers.onEmpty,
    })
  }

  get parked(): number {
    return this.#parking.size
  }

  get leaving(): number {
    return this.#leaving
  }

  take(limit: number): Departing[] {
    const parked = this.#parking.take(limit)
    if (parked.length > 0) return parked.map((arriving) => this.#departParked(arriving))
    if (this.#picked.size === 0) this.#pick()
    return this.#takePicked(limit)
  }

  settle(): void {
    this.#picked.set([])
    this.#dropper.hold(false)
  }

  ended(socket: Socket): void {
    this.#origins.get(socket)?.onEnd()
    this.#origins.delete(socket)
  }

  adopt(arriving: readonly Arriving[]): void {
    const parked: Arriving<HttpItem>[] = []
    try {
      adoptEach(arriving, ({ fd, item, origin }) => {
        parked.push({ fd, item: readHttpItem(item), origin })
      })
    } finally {
      this.#parking.park(parked)
      this.#onQuiescent()
    }
  }

  closeQuiescent(): void {
    this.#parking.close()
    for (const socket of this.#sort().resting) {
      if (!isStill(socket)) continue
      markClosed(socket)
      socket.destroy()
    }
  }

  close(): void {
    this.settle()
    this.#parking.close()
  }

  checkItem(item: unknown): void {
    readHttpItem(item)
  }

  ignoreRests(): void {
    this.#rests.stop()
  }

  /** Closes what the server would close as idle, were it not parked. */
  closeIdle(): void {
    this.#parking.close((item) => !isUnspoken(item))
  }

  /**
   * Nothing is parked any more, and whoever was is to the server like any other. Whether it closes
   * those that are new with the idle ones, it decides: Node 26 does, its predecessors do not.
   */
  leaveToServer(): void {
    this.settle()
    for (const parked of this.#parking.take(this.#parking.size)) this.#unpark(parked)
  }

  /** A parked connection that speaks is to the server like any other. */
  #unpark({ fd, item, origin }: Arriving<HttpItem>): Socket {
    const { requests = 0 } = item
    const socket = attach(this.#server, fd)
    if (requests > 0) this.limit.carry(socket, requests)
    if (origin !== undefined) this.#origins.set(socket, origin)
    if (origin?.wantsRests) this.#rests.add(socket, (rest) => origin.onRest(rest))
    announce(this.#server, socket)
    return socket
  }

  /** As Node: what becomes of it is up to listeners of `timeout`, where there are any. */
  #expire(parked: Arriving<HttpItem>): void {
    if (this.#server.listenerCount('timeout') > 0) {
      this.#unpark(parked).emit('timeout')
      return
    }
    close(parked.fd)
    parked.origin?.onEnd()
    this.#onExpired()
  }

  #departParked(parked: Arriving<HttpItem>): Departing {
    const { fd, item, origin } = parked
    return {
      fd,
      item,
      gone: () => origin?.onEnd(),
      stay: () => this.#parking.park([parked]),
    }
  }

  #takePicked(limit: number): Departing[] {
    const mayGo = (socket: Socket) => canDepart(socket) && !this.limit.isReached(socket)
    const sockets = this.#picked.take(limit, mayGo)
    const dups = departing(sockets)
    if (dups.length < sockets.length) {
      // Drops make room, and then we are asked again.
      this.#picked.putBack(sockets.splice(dups.length))
      this.#dropper.hold(false)
    }
    const left = silenceLeft()
    return sockets.map((socket, index) =>
      this.#depart(socket, dups[index] as number, this.#itemOf(socket, left(socket))),
    )
  }

  #itemOf(socket: Socket, left: number | undefined): HttpItem {
    const requests = this.limit.requestsOf(socket)
    if (isNew(socket) && !requests) return { idleMs: unspokenMs(this.#server, left), requests: 0 }
    const item: HttpItem = { idleMs: idleMs(this.#server, left) }
    if (requests !== undefined) item.requests = requests
    return item
  }

  #depart(socket: Socket, fd: number, item: HttpItem): Departing {
    silence(socket)
    this.#leaving += 1
    return {
      fd,
      item,
      gone: () => {
        this.#leaving -= 1
        this.#dropper.drop(socket)
        this.#forget(socket)
      },
      stay: () => {
        this.#leaving -= 1
        if (socket.destroyed) {
          // By a timer or the application, while it was on its way: the client saw nothing of that.
          this.#parking.park([{ fd, item }])
        } else {
          close(fd)
          resume(socket)
        }
      },
    }
  }

  #pick(): void {
    const { resting, busy } = this.#sort()
    this.#picked.set(resting)
    // Until nobody is left to send, the others come first.
    this.#dropper.hold(this.#picked.size > 0)
    for (const socket of busy) this.#lookWhenRead(socket)
  }

  #sort(): Sorted {
    if (this.#sockets.size === this.#leaving) return { resting: [], busy: [] }
    const sorted = sortConnections(this.#server, this.#sockets, this.#dropper.sockets)
    return { ...sorted, resting: sorted.resting.filter((socket) => !isAway(socket)) }
  }

  #pickRests(used: ReadonlySet<Socket>): Rested[] {
    const resting = pickRested(this.#server, used).filter((socket) => !this.limit.isReached(socket))
    const progress = readProgress(resting.map((socket) => descriptorOf(socket) ?? -1))
    const left = silenceLeft()
    return resting.map((socket, index) => ({
      socket,
      progress: progress[index],
      item: this.#itemOf(socket, left(socket)),
    }))
  }

  /** A request may be answered before all of it has come, and then nothing else tells of its end. */
  #lookWhenRead(socket: Socket): void {
    const request = requestBeingRead(socket)
    if (request === undefined || this.#awaited.has(request)) return
    this.#awaited.add(request)
    request.once('close', this.#onQuiescent)
  }
}
