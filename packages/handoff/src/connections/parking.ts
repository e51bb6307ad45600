// Connections that were handed over and have not spoken since: descriptors, and no JavaScript.

import { close } from '../io/descriptors.ts'
import { whenReadable } from '../io/readable.ts'
import type { System } from '../io/system.ts'

interface Parked {
  fd: number
  undo: () => void
  /** Monotonic milliseconds. */
  expires: number
}

/** How far apart the looks for expired connections are, in milliseconds. */
const sweepMs = 1_000

/**
 * @remarks A server that got such a connection at once would take it for a new one, and answer its
 * silence with 408 after `headersTimeout`. Parked, it waits for its next request as it did in the
 * old process, and is closed without a word when its keep-alive time is over.
 */
export class Parking {
  readonly #system: System
  readonly #adopt: (fd: number) => void
  readonly #onEmpty: () => void
  readonly #parked = new Set<Parked>()
  #sweeping = false

  constructor(system: System, adopt: (fd: number) => void, onEmpty: () => void) {
    this.#system = system
    this.#adopt = adopt
    this.#onEmpty = onEmpty
  }

  get size(): number {
    return this.#parked.size
  }

  /**
   * Owns the descriptor, until it speaks and is adopted.
   *
   * @param idleMs - how long it may stay silent, in milliseconds; 0 = for ever.
   */
  park(fd: number, idleMs: number): void {
    const parked: Parked = {
      fd,
      expires: idleMs === 0 ? Number.POSITIVE_INFINITY : this.#system.now() + idleMs,
      undo: whenReadable(fd, () => {
        this.#parked.delete(parked)
        this.#adopt(fd)
      }),
    }
    this.#parked.add(parked)
    this.#sweepLater()
  }

  /** Hands out up to `limit` connections with what is left of their time; the caller owns them. */
  take(limit: number): { fd: number; idleMs: number }[] {
    const taken: { fd: number; idleMs: number }[] = []
    const now = this.#system.now()
    for (const parked of this.#parked) {
      if (taken.length === limit) break
      this.#remove(parked)
      const { fd, expires } = parked
      const idleMs = Number.isFinite(expires) ? Math.max(1, Math.ceil(expires - now)) : 0
      taken.push({ fd, idleMs })
    }
    return taken
  }

  /** Closes all of them, and tells how many that were. */
  closeAll(): number {
    const { size } = this.#parked
    for (const parked of this.#parked) {
      this.#remove(parked)
      close(parked.fd)
    }
    return size
  }

  #remove(parked: Parked): void {
    parked.undo()
    this.#parked.delete(parked)
  }

  #sweepLater(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    this.#system.timer(sweepMs, () => this.#sweep(), true)
  }

  #sweep(): void {
    this.#sweeping = false
    const now = this.#system.now()
    const { size } = this.#parked
    for (const parked of this.#parked) {
      if (parked.expires > now) continue
      this.#remove(parked)
      close(parked.fd)
    }
    if (this.#parked.size > 0) this.#sweepLater()
    else if (size > 0) this.#onEmpty()
  }
}
