// Connections that were handed over and have not spoken since: descriptors, and no JavaScript.

import { close } from '../io/descriptors.ts'
import { Readiness } from '../io/readiness.ts'
import type { System } from '../io/system.ts'
import type { Arriving } from './mover.ts'

/** How far apart the looks for expired connections are, in milliseconds. */
const sweepMs = 1_000

interface Parked extends Arriving {
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
  readonly #onEmpty: () => void
  readonly #onExpired: (count: number) => void
  readonly #readiness: Readiness
  /** By descriptor. */
  readonly #parked = new Map<number, Parked>()
  #sweeping = false

  /**
   * @param adopt - told of each connection that speaks; owns its descriptor.
   * @param handlers - told of how many have been silent for too long, and when none is left of them.
   */
  constructor(
    system: System,
    adopt: (parked: Arriving) => void,
    { onEmpty, onExpired }: { onEmpty: () => void; onExpired: (count: number) => void },
  ) {
    this.#system = system
    this.#onEmpty = onEmpty
    this.#onExpired = onExpired
    this.#readiness = new Readiness((fds) => {
      const speaking = fds.map((fd) => this.#parked.get(fd))
      for (const fd of fds) this.#parked.delete(fd)
      for (const parked of speaking) if (parked !== undefined) adopt(parked)
    })
  }

  get size(): number {
    return this.#parked.size
  }

  /**
   * Owns the connection, until it speaks and is adopted.
   *
   * @param idleMs - how long it may stay silent, in milliseconds; 0 = for ever.
   */
  park(arriving: Arriving, idleMs: number): void {
    const expires = idleMs === 0 ? Number.POSITIVE_INFINITY : this.#system.now() + idleMs
    this.#readiness.add(arriving.fd)
    this.#parked.set(arriving.fd, { ...arriving, expires })
    this.#sweepLater()
  }

  /** Hands out up to `limit` connections with what is left of their time; the caller owns them. */
  take(limit: number): (Arriving & { idleMs: number })[] {
    const taken: (Arriving & { idleMs: number })[] = []
    const now = this.#system.now()
    for (const parked of this.#parked.values()) {
      if (taken.length === limit) break
      this.#remove(parked.fd)
      const { expires } = parked
      const idleMs = Number.isFinite(expires) ? Math.max(1, Math.ceil(expires - now)) : 0
      taken.push({ ...parked, idleMs })
    }
    return taken
  }

  /** Closes all of them. */
  closeAll(): void {
    for (const parked of this.#parked.values()) this.#close(parked)
  }

  #remove(fd: number): void {
    this.#readiness.remove(fd)
    this.#parked.delete(fd)
  }

  #close({ fd, onEnd }: Parked): void {
    this.#remove(fd)
    close(fd)
    onEnd?.()
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
    for (const parked of this.#parked.values()) if (parked.expires <= now) this.#close(parked)
    this.#onExpired(size - this.#parked.size)
    if (this.#parked.size > 0) this.#sweepLater()
    else if (size > 0) this.#onEmpty()
  }
}
