// HTTP/1.1 connections between two requests: they go over as descriptors, and park until they speak.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HandoffError } from '../errors.ts'
import type { System } from '../io/system.ts'
import { attach, detach } from './detach.ts'
import type { Mover, Moving } from './mover.ts'
import { Parking } from './parking.ts'
import { pickQuiescent } from './quiescent.ts'

interface Item {
  /** How long it may stay silent, in milliseconds; 0 = for ever. */
  idleMs: number
}

export class HttpMover implements Mover {
  readonly kind = 'http'
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>
  readonly #parking: Parking
  readonly #onQuiescent: () => void

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
    // A parked connection that speaks is to the server like any other.
    const unpark = (fd: number) => void server.emit('connection', attach(server, fd))
    this.#parking = new Parking(system, unpark, handlers.onEmpty)
  }

  get parked(): number {
    return this.#parking.size
  }

  take(limit: number): Moving[] {
    const taken = this.#parking.take(limit)
    const { keepAliveTimeout } = this.#server
    const idleMs = Number.isFinite(keepAliveTimeout) ? Math.ceil(keepAliveTimeout) : 0
    for (const socket of pickQuiescent(this.#server, this.#sockets)) {
      if (taken.length >= limit) break
      const fd = detach(socket)
      if (fd !== undefined) taken.push({ fd, idleMs })
    }
    return taken.map(({ fd, idleMs }) => ({ fd, item: { idleMs } satisfies Item }))
  }

  adopt({ fd, item }: Moving): void {
    this.#parking.park(fd, readItem(item).idleMs)
    this.#onQuiescent()
  }

  closeQuiescent(): void {
    this.#parking.closeAll()
    for (const socket of pickQuiescent(this.#server, this.#sockets)) socket.destroy()
  }

  close(): number {
    return this.#parking.closeAll()
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
