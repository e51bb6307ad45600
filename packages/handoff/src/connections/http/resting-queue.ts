// Queues connections that were quiescent in one tick until it is their turn to be handed over.

import type { Socket } from 'node:net'
import { type ConnectionHandle, handleOf } from '../../io/node/internals/connection-handle.ts'
import { type IdleList, isAnswered, type Part } from '../../io/node/internals/http-connections.ts'
import { readTimers } from '../../io/node/internals/silence-timer.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import { isBusy, type Pace } from '../moving/pace.ts'
import { silenceOf } from '../moving/silence.ts'

/** How many connections are looked at in one turn of the event loop: so many take 1 to 2 ms, and clients wait meanwhile. */
const partSize = 2_000

export interface RestingSocket {
  readonly socket: Socket
  readonly handle: ConnectionHandle
  /** The connection stays quiescent as long as nothing more is read. */
  readonly bytesRead: number
  /** It stays the socket's. */
  readonly fd: number
  /** How long it may still stay silent, in milliseconds: 0 = for ever, undefined = not known. */
  left: number | undefined
}

/** Returns those that may go. */
export type Select = (resting: RestingSocket[]) => RestingSocket[]

/**
 * @remarks The connections are served meanwhile: no request waits for thousands of other connections.
 * One on which the client has spoken leaves the queue, and is found again after its response. Most of what there
 * is to ask about a connection is asked when it is taken, so that no turn of the event loop asks about all.
 */
export class RestingQueue {
  readonly #isHere: (socket: Socket) => boolean
  /** The next one is the last. */
  #sockets: Socket[] = []
  /** How many bytes were read from each when it was quiescent. */
  #bytesRead: number[] = []
  /** Busy connections that wait for the pace. */
  #busy: RestingSocket[] = []
  /** The connections that this pass has looked at. */
  readonly #seen = new Set<Socket>()
  #isWhole = true

  /** @param isHere - whether a socket is one of the server's, and on no way to another process. */
  constructor(isHere: (socket: Socket) => boolean) {
    this.#isHere = isHere
  }

  get size(): number {
    return this.#sockets.length + this.#busy.length
  }

  /** Whether this pass has looked at all connections of the server. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Which connections are looked at next. */
  get part(): Part {
    return { limit: partSize, seen: this.#seen }
  }

  /** Begins to look at all connections. The queue is empty. */
  beginPass(): void {
    this.#seen.clear()
    this.#isWhole = false
  }

  /** Adds the next part. All connections that are still in the queue wait for the pace. Owns the lists. */
  fill({ sockets, bytesRead, isWhole }: IdleList): void {
    this.#sockets = sockets
    this.#bytesRead = bytesRead
    this.#isWhole = isWhole
    if (isWhole) this.#seen.clear()
  }

  clear(): void {
    this.#busy = []
    this.fill({ sockets: [], bytesRead: [], isWhole: true })
  }

  /**
   * Takes up to `limit` connections that are still quiescent and that may go.
   *
   * @param pace - limits how many of them are busy. One without a request yet that is busy is not taken,
   * since its client is about to speak, and leaves the queue.
   */
  take(limit: number, select: Select, pace?: Pace): RestingSocket[] {
    if (pace === undefined) this.putBack(this.#busy.splice(0))
    const taken: RestingSocket[] = []
    while (taken.length < limit && this.#sockets.length > 0) {
      this.#sort(select(this.#takeQuiescent(limit - taken.length)), taken, pace)
    }
    if (pace !== undefined) this.#takeBusy(taken, limit, select, pace)
    return taken
  }

  /** Puts the connections that were taken last before the others, in the same order. */
  putBack(taken: readonly RestingSocket[]): void {
    for (const { socket, bytesRead } of taken.toReversed()) {
      this.#sockets.push(socket)
      this.#bytesRead.push(bytesRead)
    }
  }

  #takeQuiescent(limit: number): RestingSocket[] {
    const quiescent: RestingSocket[] = []
    while (quiescent.length < limit) {
      const socket = this.#sockets.pop()
      const bytesRead = this.#bytesRead.pop()
      if (socket === undefined || bytesRead === undefined) break
      if (!this.#isAtRest(socket)) continue
      const handle = handleOf(socket)
      if (handle?.bytesRead !== bytesRead) continue
      const { fd } = handle
      if (fd >= 0) quiescent.push({ socket, handle, bytesRead, fd, left: undefined })
    }
    return quiescent
  }

  #isAtRest(socket: Socket): boolean {
    return this.#isHere(socket) && isAnswered(socket) && hasNoBytesInFlight(socket)
  }

  /** Reads their timers. Takes those that have been silent for a while; the others wait. */
  #sort(resting: readonly RestingSocket[], taken: RestingSocket[], pace: Pace | undefined): void {
    const sockets = resting.map(({ socket }) => socket)
    const timers = readTimers(sockets)
    const silence = pace === undefined ? [] : silenceOf(sockets, timers)
    for (let index = 0; index < resting.length; index++) {
      const next = resting[index] as RestingSocket
      next.left = timers.left[index]
      if (pace === undefined || !isBusy(pace, silence[index])) taken.push(next)
      else if (next.bytesRead > 0) this.#busy.push(next)
    }
  }

  #takeBusy(taken: RestingSocket[], limit: number, select: Select, pace: Pace): void {
    while (taken.length < limit) {
      const next = this.#busy.at(-1)
      if (next === undefined) return
      const mayGo = this.#isStillAtRest(next) && select([next]).length > 0
      if (mayGo && !pace.admit()) return
      // One that is not quiescent any more leaves the queue.
      this.#busy.pop()
      if (!mayGo) continue
      next.left = readTimers([next.socket]).left[0]
      taken.push(next)
    }
  }

  #isStillAtRest({ socket, handle, bytesRead }: RestingSocket): boolean {
    if (!this.#isAtRest(socket) || handleOf(socket) !== handle) return false
    return handle.bytesRead === bytesRead && handle.fd >= 0
  }
}
