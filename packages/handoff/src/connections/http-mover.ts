// HTTP/1.1 connections between two requests: they go over as descriptors, and park until they speak.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HandoffError } from '../errors.ts'
import { close } from '../io/descriptors.ts'
import type { System } from '../io/system.ts'
import { attach } from './attach.ts'
import { canDepart, Dropper, departing, resume, silence } from './depart.ts'
import { markClosed } from './marks.ts'
import type { Arriving, Departing, Mover } from './mover.ts'
import { Parking } from './parking.ts'
import { isFlushed, pickQuiescent } from './quiescent.ts'

interface Item {
  /** How long it may stay silent, in milliseconds; 0 = for ever. */
  idleMs: number
}

interface Picked {
  socket: Socket
  /** As long as nothing more is read, it stays quiescent. */
  bytesRead: number
}

interface HttpHandlers {
  /** The connection is no longer this process's. */
  forget(socket: Socket): void
  /** The last parked connection has ended. */
  onEmpty(): void
  /** So many parked connections have been silent for too long. */
  onExpired(count: number): void
  /** What could not go over before may do so now. */
  onQuiescent(): void
}

export class HttpMover implements Mover {
  readonly kind = 'http'
  readonly adopts = true
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>
  readonly #parking: Parking
  readonly #forget: (socket: Socket) => void
  readonly #onQuiescent: () => void
  /** Found quiescent, all in one tick; they leave a batch at a time, last first. */
  #picked: Picked[] = []
  /** On the way: silenced, and the other process may have them. */
  readonly #leaving = new Set<Socket>()
  readonly #dropper: Dropper

  /** @param sockets - the connections that the server has. */
  constructor(
    server: Server,
    sockets: ReadonlySet<Socket>,
    system: System,
    handlers: HttpHandlers,
  ) {
    this.#server = server
    this.#sockets = sockets
    this.#forget = handlers.forget
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
    if (this.#picked.length === 0) this.#pick()
    return this.#takePicked(limit)
  }

  settle(): void {
    this.#picked = []
    this.#dropper.hold(false)
  }

  adopt(arriving: Arriving): void {
    this.#parking.park(arriving, readItem(arriving.item).idleMs)
    this.#onQuiescent()
  }

  closeQuiescent(): void {
    this.#parking.closeAll()
    for (const socket of this.#quiescent()) {
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

  #takePicked(limit: number): Departing[] {
    const sockets = this.#stillQuiescent(limit)
    const dups = this.#dup(sockets)
    // What there was no descriptor for has its turn again when there is room.
    for (const socket of sockets.splice(dups.length).reverse()) this.#picked.push(picked(socket))
    const item: Item = { idleMs: this.#idleMs() }
    return sockets.map((socket, index) => this.#depart(socket, dups[index] as number, item))
  }

  /**
   * Those that wait for their turn are served as ever, so that nobody waits for thousands of others;
   * who has spoken meanwhile is found again after its response.
   */
  #stillQuiescent(limit: number): Socket[] {
    const sockets: Socket[] = []
    while (sockets.length < limit) {
      const next = this.#picked.pop()
      if (next === undefined) break
      const { socket, bytesRead } = next
      if (socket.bytesRead === bytesRead && isFlushed(socket) && canDepart(socket)) {
        sockets.push(socket)
      }
    }
    return sockets
  }

  #dup(sockets: readonly Socket[]): number[] {
    try {
      const dups = departing(sockets)
      if (dups.length < sockets.length) this.#dropper.hurry()
      return dups
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
      // It makes room, and then we are asked again.
      this.#dropper.hurry()
      return []
    }
  }

  #depart(socket: Socket, fd: number, item: Item): Departing {
    silence(socket)
    this.#leaving.add(socket)
    return {
      fd,
      item,
      gone: () => {
        this.#leaving.delete(socket)
        this.#dropper.drop(socket)
        this.#forget(socket)
      },
      stay: () => {
        this.#leaving.delete(socket)
        if (socket.destroyed) {
          // By a timer or the application, while it was on its way: the client saw nothing of that.
          this.#parking.park({ fd, item }, item.idleMs)
        } else {
          close(fd)
          resume(socket)
        }
      },
    }
  }

  #pick(): void {
    this.#picked = this.#quiescent().map(picked)
    // Until nobody is left to send, the others come first.
    this.#dropper.hold(this.#picked.length > 0)
  }

  #quiescent(): Socket[] {
    if (this.#sockets.size === this.#leaving.size) return []
    const picked = pickQuiescent(this.#server, this.#sockets, this.#dropper.sockets)
    return picked.filter((socket) => !this.#leaving.has(socket))
  }

  #idleMs(): number {
    const { keepAliveTimeout } = this.#server
    return Number.isFinite(keepAliveTimeout) ? Math.ceil(keepAliveTimeout) : 0
  }
}

function picked(socket: Socket): Picked {
  return { socket, bytesRead: socket.bytesRead }
}

function readItem(item: unknown): Item {
  const idleMs = (item as Partial<Item> | null)?.idleMs
  if (typeof idleMs === 'number' && Number.isFinite(idleMs) && idleMs >= 0) return { idleMs }
  throw new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot take over a connection: its idleMs is not a number of milliseconds',
  )
}
