// Parks connections that were handed over and have been silent since: descriptors without JavaScript.

import { close } from '../../io/native/descriptors.ts'
import { readSilence } from '../../io/native/many-connections.ts'
import { Readiness } from '../../io/native/readiness.ts'
import type { System } from '../../io/system/system.ts'
import type { Received } from '../moving/layer.ts'
import type { Arriving, Parked } from '../moving/mover.ts'
import { isBusy, type Pace } from '../moving/pace.ts'
import { type HttpItem, isUnspoken } from './http-item.ts'

/** Time between two checks for expired connections, in milliseconds. */
const sweepMs = 1_000

/** A connection that has arrived, with what its layer has read of it. */
export interface ArrivedHttp extends Omit<Arriving<HttpItem>, 'secrets'> {
  readonly received?: Received | undefined
}

export interface ParkingHandlers {
  /** A connection is readable: its client has spoken or closed. Owns the descriptor. */
  onReadable(parked: ArrivedHttp): void
  /** A connection was silent for longer than it may be. Owns the descriptor. */
  onExpired(parked: ArrivedHttp): void
  /** The number of parked connections has changed by so many. */
  onCount(by: number): void
  /** The last parked connection has expired. */
  onEmpty(): void
}

/** A literal with all fields: thousands of them arrive at a process whose heap is small. */
interface ParkedConnection extends ArrivedHttp {
  /** Monotonic milliseconds. */
  readonly expires: number
  /** Since when it has been silent, in monotonic milliseconds: since it was parked, or longer. */
  silentSince: number
  /** Whether the kernel was asked since when. */
  isSilenceKnown: boolean
}

/**
 * @remarks A server that got such a connection immediately would take it for a new one, and answer its
 * silence with 408 after `headersTimeout`. A socket object for each would cost 75 µs. A parked
 * connection waits for its next request as it did in the old process, and is closed without a response
 * when its keep-alive time is over.
 */
export class ParkedConnections implements Parked {
  readonly #system: System
  readonly #handlers: ParkingHandlers
  readonly #readiness: Readiness
  /** By descriptor. */
  readonly #parked = new Map<number, ParkedConnection>()
  #isSweepScheduled = false

  constructor(system: System, handlers: ParkingHandlers) {
    this.#system = system
    this.#handlers = handlers
    this.#readiness = new Readiness((fds) => {
      const readable = fds.map((fd) => this.#parked.get(fd))
      for (const fd of fds) this.#forget(fd)
      for (const parked of readable) if (parked !== undefined) handlers.onReadable(parked)
    })
  }

  get size(): number {
    return this.#parked.size
  }

  /** Owns each connection until it is readable, or was silent for as long as its item says. */
  park(arriving: readonly ArrivedHttp[]): void {
    const now = this.#system.now()
    const fds: number[] = []
    for (const { fd, item, origin, received } of arriving) {
      const expires = item.idleMs === 0 ? Number.POSITIVE_INFINITY : now + item.idleMs
      this.#parked.set(fd, {
        fd,
        item,
        origin,
        received,
        expires,
        silentSince: now,
        isSilenceKnown: false,
      })
      fds.push(fd)
    }
    this.#readiness.addEach(fds)
    this.#handlers.onCount(arriving.length)
    this.#scheduleSweep()
  }

  /**
   * Takes up to `limit` connections, with what is left of their time. The caller owns them.
   *
   * @param pace - limits how many of them are busy.
   */
  take(limit: number, pace?: Pace): ArrivedHttp[] {
    const now = this.#system.now()
    return this.#choose(limit, pace, now).map((parked) => {
      this.#remove(parked.fd)
      const { fd, item, origin, received, expires } = parked
      const idleMs = Number.isFinite(expires) ? Math.max(1, Math.ceil(expires - now)) : 0
      return { fd, item: { ...item, idleMs }, origin, received }
    })
  }

  #choose(limit: number, pace: Pace | undefined, now: number): ParkedConnection[] {
    const chosen: ParkedConnection[] = []
    const busy: ParkedConnection[] = []
    for (const parked of this.#parked.values()) {
      if (chosen.length === limit) break
      if (pace !== undefined && isParkedBusy(parked, pace, now)) busy.push(parked)
      else chosen.push(parked)
    }
    for (const parked of busy) {
      if (chosen.length === limit || pace?.admit() !== true) break
      chosen.push(parked)
    }
    return chosen
  }

  close(): void {
    for (const parked of this.#parked.values()) this.#close(parked)
  }

  closeIdle(): void {
    for (const parked of this.#parked.values()) if (!isUnspoken(parked.item)) this.#close(parked)
  }

  unpark(): void {
    for (const parked of this.take(this.size)) this.#handlers.onReadable(parked)
  }

  #remove(fd: number): void {
    this.#readiness.remove(fd)
    this.#forget(fd)
  }

  #forget(fd: number): void {
    if (this.#parked.delete(fd)) this.#handlers.onCount(-1)
  }

  #close({ fd, origin, received }: ParkedConnection): void {
    this.#remove(fd)
    received?.sayGoodbye(fd)
    close(fd)
    origin?.onEnd()
  }

  #scheduleSweep(): void {
    if (this.#isSweepScheduled) return
    this.#isSweepScheduled = true
    this.#system.timer(sweepMs, () => this.#sweep(), true)
  }

  #sweep(): void {
    this.#isSweepScheduled = false
    // Timers run before what has arrived is read. In a process that was held up, a client that spoke in
    // time would be closed with its request unread.
    this.#readiness.poll()
    const now = this.#system.now()
    const { size } = this.#parked
    for (const parked of this.#parked.values()) {
      if (parked.expires > now) continue
      this.#remove(parked.fd)
      this.#handlers.onExpired(parked)
    }
    if (this.#parked.size > 0) this.#scheduleSweep()
    else if (size > 0) this.#handlers.onEmpty()
  }
}

/** Asks the kernel about a connection once, and only if it was parked a moment ago. */
function isParkedBusy(parked: ParkedConnection, pace: Pace, now: number): boolean {
  if (!isBusy(pace, now - parked.silentSince)) return false
  if (!parked.isSilenceKnown) {
    const [silentMs = 0] = readSilence([parked.fd])
    parked.isSilenceKnown = true
    parked.silentSince = Math.min(parked.silentSince, now - silentMs)
  }
  return isBusy(pace, now - parked.silentSince)
}
