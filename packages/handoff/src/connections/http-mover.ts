// HTTP/1.1 connections between two requests: they go over as descriptors, and park until they speak.

import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { close } from '../io/descriptors.ts'
import { countSocketless, requestBeingRead, silenceLeft } from '../io/node-internals.ts'
import type { System } from '../io/system.ts'
import { attach } from './attach.ts'
import { Dropper, departing, resume, still } from './depart.ts'
import { type HttpItem, idleMs, isNew, isUnspoken, readHttpItem, unspokenMs } from './http-item.ts'
import type { Arriving, Departing, Mover } from './mover.ts'
import { Parking } from './parking.ts'
import { pickQuiescent } from './quiescent.ts'
import { RequestLimit } from './request-limit.ts'

export class HttpMover implements Mover {
  readonly kind = 'http'
  readonly adopts = true
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>
  readonly #parking: Parking
  readonly #onQuiescent: () => void
  /** Found quiescent and silenced, all in one tick; they leave a batch at a time. */
  readonly #stilled: Socket[] = []
  /** Silenced, on the way, or about to be dropped: not to be found a second time. */
  readonly #leaving = new Set<Socket>()
  readonly #dropper: Dropper
  /** Requests whose end is waited for. */
  readonly #awaited = new WeakSet<IncomingMessage>()
  readonly limit: RequestLimit

  /** @param sockets - the connections that the server has. */
  constructor(
    server: Server,
    sockets: ReadonlySet<Socket>,
    system: System,
    handlers: { onEmpty: () => void; onQuiescent: () => void },
  ) {
    this.#server = server
    this.#sockets = sockets
    this.#onQuiescent = handlers.onQuiescent
    // What waited for a free descriptor can go on.
    this.#dropper = new Dropper(handlers.onQuiescent)
    this.limit = new RequestLimit(server)
    this.#parking = new Parking(system, {
      onSpeaks: (parked) => this.#unpark(parked),
      onExpired: (parked) => this.#expire(parked),
      onCount: (by) => countSocketless(server, by),
      onEmpty: handlers.onEmpty,
    })
  }

  get parked(): number {
    return this.#parking.size
  }

  take(limit: number): Departing[] {
    const parked = this.#parking.take(limit)
    if (parked.length > 0) return parked.map((arriving) => this.#departParked(arriving))
    if (this.#stilled.length === 0) this.#still()
    return this.#takeStilled(limit)
  }

  settle(): void {
    for (const socket of this.#stilled.splice(0)) this.#stay(socket)
  }

  adopt(arriving: Arriving): void {
    this.#parking.park(arriving, readHttpItem(arriving.item).idleMs)
    this.#onQuiescent()
  }

  closeQuiescent(): void {
    this.#parking.close()
    for (const socket of pickQuiescent(this.#server, this.#sockets)) socket.destroy()
  }

  close(): number {
    this.settle()
    return this.#parking.close()
  }

  /**
   * Closes what the server would close as idle, were it not parked. Whether that goes for those that
   * are new, the server decides: Node 26 closes them, its predecessors do not.
   */
  closeIdle(): void {
    this.settle()
    this.#parking.close((item) => !isUnspoken(readHttpItem(item)))
    for (const parked of this.#parking.take(this.#parking.size)) this.#unpark(parked)
  }

  /** A parked connection that speaks is to the server like any other. */
  #unpark({ fd, item, onEnd }: Arriving): Socket {
    const { requests = 0 } = readHttpItem(item)
    const socket = attach(this.#server, fd)
    if (requests > 0) this.limit.carry(socket, requests)
    if (onEnd !== undefined) socket.once('close', onEnd)
    this.#server.emit('connection', socket)
    return socket
  }

  /** As Node: what becomes of it is up to listeners of `timeout`, where there are any. */
  #expire(parked: Arriving): void {
    if (this.#server.listenerCount('timeout') > 0) {
      this.#unpark(parked).emit('timeout')
      return
    }
    close(parked.fd)
    parked.onEnd?.()
  }

  #departParked({ idleMs, ...parked }: Arriving & { idleMs: number }): Departing {
    const arriving: Arriving = { ...parked, item: { ...readHttpItem(parked.item), idleMs } }
    return {
      ...arriving,
      gone: () => arriving.onEnd?.(),
      stay: () => this.#parking.park(arriving, idleMs),
    }
  }

  #takeStilled(limit: number): Departing[] {
    const taken: Departing[] = []
    const left = silenceLeft()
    while (taken.length < limit && this.#stilled.length > 0) {
      const socket = this.#stilled[0] as Socket
      try {
        const fd = departing(socket)
        if (fd !== undefined) {
          taken.push(this.#depart(socket, fd, this.#itemOf(socket, left(socket))))
        }
      } catch (error) {
        // The dropper makes room, and then we are asked again.
        if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
        break
      }
      this.#stilled.shift()
    }
    return taken
  }

  #itemOf(socket: Socket, left: number | undefined): HttpItem {
    const requests = this.limit.requestsOf(socket)
    if (isNew(socket) && !requests) return { idleMs: unspokenMs(this.#server, left), requests: 0 }
    const item: HttpItem = { idleMs: idleMs(this.#server, left) }
    if (requests !== undefined) item.requests = requests
    return item
  }

  #depart(socket: Socket, fd: number, item: HttpItem): Departing {
    return {
      fd,
      item,
      gone: () => this.#dropper.drop(socket),
      stay: () => {
        if (socket.destroyed) {
          // By a timer or the application, while it was on its way: the client saw nothing of that.
          this.#parking.park({ fd, item }, item.idleMs)
          return
        }
        close(fd)
        this.#stay(socket)
      },
    }
  }

  #stay(socket: Socket): void {
    this.#leaving.delete(socket)
    resume(socket)
  }

  #still(): void {
    for (const socket of pickQuiescent(this.#server, this.#sockets)) {
      if (this.#leaving.has(socket) || this.limit.isReached(socket)) continue
      if (!still(socket)) continue
      this.#stilled.push(socket)
      this.#leaving.add(socket)
      socket.once('close', () => this.#leaving.delete(socket))
    }
    for (const socket of this.#sockets) this.#lookWhenRead(socket)
  }

  /** A request may be answered before all of it has come, and then nothing else tells of its end. */
  #lookWhenRead(socket: Socket): void {
    const request = requestBeingRead(socket)
    if (request === undefined || this.#awaited.has(request)) return
    this.#awaited.add(request)
    request.once('close', this.#onQuiescent)
  }
}
