// Connections that were handed over and have not spoken since: descriptors, and no JavaScript.

import { close } from '../../io/native/descriptors.ts'
import { Readiness } from '../../io/native/readiness.ts'
import type { System } from '../../io/system/system.ts'
import type { Arriving } from '../moving/mover.ts'
import type { HttpItem } from './item.ts'

/** How far apart the looks for expired connections are, in milliseconds. */
const sweepMs = 1_000

export interface ParkingHandlers {
  /** A connection speaks, or its client has closed it. Owns the descriptor. */
  onSpeaks(parked: Arriving<HttpItem>): void
  /** The time of a connection is over. Owns the descriptor. */
  onExpired(parked: Arriving<HttpItem>): void
  /** There are so many more, or fewer. */
  onCount(by: number): void
  /** The time of the last one was over. */
  onEmpty(): void
}

interface Parked extends Arriving<HttpItem> {
  /** Monotonic milliseconds. */
  expires: number
}

/**
 * @remarks A server that got such a connection at once would take it for a new one, and answer its
 * silence with 408 after `headersTimeout`; and a socket object for each would cost 75 µs. Parked, it
 * waits for its next request as it did in the old process, and is closed without a word when its
 * keep-alive time is over.
 */
export class Parking {
  readonly #system: System
  readonly #handlers: ParkingHandlers
  readonly #readiness: Readiness
  /** By descriptor. */
  readonly #parked = new Map<number, Parked>()
  #sweeping = false

  constructor(system: System, handlers: ParkingHandlers) {
    this.#system = system
    this.#handlers = handlers
    this.#readiness = new Readiness((fds) => {
      const speaking = fds.map((fd) => this.#parked.get(fd))
      for (const fd of fds) this.#forget(fd)
      for (const parked of speaking) if (parked !== undefined) handlers.onSpeaks(parked)
    })
  }

  get size(): number {
    return this.#parked.size
  }

  /** Owns the connections, each until it speaks or has been silent for as long as its item says. */
  park(arriving: readonly Arriving<HttpItem>[]): void {
    const now = this.#system.now()
    for (const { fd, item, origin } of arriving) {
      const expires = item.idleMs === 0 ? Number.POSITIVE_INFINITY : now + item.idleMs
      this.#readiness.add(fd)
      this.#parked.set(fd, { fd, item, origin, expires })
    }
    this.#handlers.onCount(arriving.length)
    this.#sweepLater()
  }

  /** Hands out up to `limit` connections with what is left of their time; the caller owns them. */
  take(limit: number): Arriving<HttpItem>[] {
    const taken: Arriving<HttpItem>[] = []
    const now = this.#system.now()
    for (const parked of this.#parked.values()) {
      if (taken.length === limit) break
      this.#remove(parked.fd)
      const { fd, item, origin, expires } = parked
      const idleMs = Number.isFinite(expires) ? Math.max(1, Math.ceil(expires - now)) : 0
      taken.push({ fd, item: { ...item, idleMs }, origin })
    }
    return taken
  }

  /** Closes those that `closes` picks by their item, else all. */
  close(closes: (item: HttpItem) => boolean = () => true): void {
    for (const parked of this.#parked.values()) if (closes(parked.item)) this.#close(parked)
  }

  #remove(fd: number): void {
    this.#readiness.remove(fd)
    this.#forget(fd)
  }

  #forget(fd: number): void {
    if (this.#parked.delete(fd)) this.#handlers.onCount(-1)
  }

  #close({ fd, origin }: Parked): void {
    this.#remove(fd)
    close(fd)
    origin?.onEnd()
  }

  #sweepLater(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    this.#system.timer(sweepMs, () => this.#sweep(), true)
  }

  #sweep(): void {
    this.#sweeping = false
    // Timers run before what has arrived is read: in a process that was held up, a client that spoke
    // in time would be closed with its request unread.
    this.#readiness.look()
    const now = this.#system.now()
    const { size } = this.#parked
    for (const parked of this.#parked.values()) {
      if (parked.expires > now) continue
      this.#remove(parked.fd)
      this.#handlers.onExpired(parked)
    }
    if (this.#parked.size > 0) this.#sweepLater()
    else if (size > 0) this.#handlers.onEmpty()
  }
}
