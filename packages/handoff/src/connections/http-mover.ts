// HTTP/1.1 connections between two requests: they go over as descriptors, and park until they speak.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HandoffError } from '../errors.ts'
import { close } from '../io/descriptors.ts'
import type { System } from '../io/system.ts'
import { attach } from './attach.ts'
import { Dropper, departing, resume, still } from './depart.ts'
import { markClosed } from './marks.ts'
import type { Arriving, Departing, Mover } from './mover.ts'
import { Parking } from './parking.ts'
import { pickQuiescent } from './quiescent.ts'

interface Item {
  /** How long it may stay silent, in milliseconds; 0 = for ever. */
  idleMs: number
}

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

  /** @param sockets - the connections that the server has. */
  constructor(
    server: Server,
    sockets: ReadonlySet<Socket>,
    system: System,
    handlers: {
      onEmpty: () => void
      onExpired: (count: number) => void
      onQuiescent: () => void
    },
  ) {
    this.#server = server
    this.#sockets = sockets
    this.#onQuiescent = handlers.onQuiescent
    // What waited for a free descriptor can go on.
    this.#dropper = new Dropper(handlers.onQuiescent)
    this.#parking = new Parking(system, (parked) => this.#unpark(parked), handlers)
  }

  get parked(): number {
    return this.#parking.size
  }

  get leaving(): number {
    return this.#leaving.size
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
    this.#parking.park(arriving, readItem(arriving.item).idleMs)
    this.#onQuiescent()
  }

  closeQuiescent(): void {
    this.#parking.closeAll()
    for (const socket of pickQuiescent(this.#server, this.#sockets)) {
      markClosed(socket)
      socket.destroy()
    }
  }

  close(): void {
    this.settle()
    this.#parking.closeAll()
  }

  /** A parked connection that speaks is to the server like any other. */
  #unpark({ fd, onEnd }: Arriving): void {
    const socket = attach(this.#server, fd)
    if (onEnd !== undefined) socket.once('close', onEnd)
    this.#server.emit('connection', socket)
  }

  #departParked({ fd, idleMs, onEnd }: Arriving & Item): Departing {
    const arriving: Arriving =
      onEnd === undefined ? { fd, item: { idleMs } } : { fd, item: { idleMs }, onEnd }
    return {
      ...arriving,
      gone: () => onEnd?.(),
      stay: () => this.#parking.park(arriving, idleMs),
    }
  }

  #takeStilled(limit: number): Departing[] {
    const taken: Departing[] = []
    const item: Item = { idleMs: this.#idleMs() }
    while (taken.length < limit && this.#stilled.length > 0) {
      const socket = this.#stilled[0] as Socket
      try {
        const fd = departing(socket)
        if (fd !== undefined) taken.push(this.#depart(socket, fd, item))
      } catch (error) {
        // The dropper makes room, and then we are asked again.
        if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
        break
      }
      this.#stilled.shift()
    }
    return taken
  }

  #depart(socket: Socket, fd: number, item: Item): Departing {
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
      if (this.#leaving.has(socket)) continue
      if (!still(socket)) continue
      this.#stilled.push(socket)
      this.#leaving.add(socket)
      socket.once('close', () => this.#leaving.delete(socket))
    }
  }

  #idleMs(): number {
    const { keepAliveTimeout } = this.#server
    return Number.isFinite(keepAliveTimeout) ? Math.ceil(keepAliveTimeout) : 0
  }
}

function readItem(item: unknown): Item {
  const idleMs = (item as Partial<Item> | null)?.idleMs
  if (typeof idleMs === 'number' && Number.isFinite(idleMs) && idleMs >= 0) return { idleMs }
  throw new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot take over a connection: its idleMs is not a number of milliseconds',
  )
}
