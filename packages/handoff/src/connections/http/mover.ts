// Moves HTTP/1.1 connections that are between two requests. The new process parks them until they speak.

import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import { readProgress } from '../../io/native/many-connections.ts'
import { countSocketless } from '../../io/node/internals/connection-count.ts'
import { descriptorOf } from '../../io/node/internals/connection-handle.ts'
import { requestBeingRead } from '../../io/node/internals/http-parser.ts'
import { readTimers } from '../../io/node/internals/silence-timer.ts'
import { transportOf } from '../../io/node/internals/tls.ts'
import { descriptorLimit } from '../../protocol/codec.ts'
import type { CountedKind } from '../../terms/fates.ts'
import { adoptEach } from '../moving/adopt-socket.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import type { Layer } from '../moving/layer.ts'
import type { Arriving, Departing, Secrets, ServerMover } from '../moving/mover.ts'
import type { Pace } from '../moving/pace.ts'
import { dupForSending } from '../moving/release-socket.ts'
import { markClosed } from '../tracking/end-reasons.ts'
import { closeParkedWith } from './close-parked.ts'
import { departParked } from './departing-parked.ts'
import { Departures, transportsOf } from './departures.ts'
import { checkHttpItem, type HttpItem, isNew } from './http-item.ts'
import {
  listResting,
  restingAmong,
  type SortedConnections,
  sortConnections,
} from './idle-connections.ts'
import type { HttpContext } from './mover-context.ts'
import { type ArrivedHttp, ParkedConnections } from './parked-connections.ts'
import { RequestLimit } from './request-limit.ts'
import { type Resting, RestReporter } from './rest-reporter.ts'
import { RestingQueue, type RestingSocket } from './resting-queue.ts'
import { SocketDropper } from './socket-dropper.ts'

export class HttpMover implements ServerMover {
  readonly kind = 'http'
  readonly counted: CountedKind
  readonly secured: boolean
  readonly batchSize: number
  readonly adopts = true
  readonly parking: ParkedConnections
  readonly #server: Server
  readonly #context: HttpContext
  readonly #layer: Layer
  readonly #queue: RestingQueue
  readonly #departures: Departures
  readonly #dropper: SocketDropper
  readonly #reporter: RestReporter
  readonly #limit: RequestLimit
  /** Requests of which the end is awaited. */
  readonly #awaited = new WeakSet<IncomingMessage>()
  #detached = false
  #stopClosingParked: (() => void) | undefined

  constructor(server: Server, context: HttpContext) {
    const { system, layer, onQuiescent } = context
    this.#server = server
    this.#context = context
    this.#layer = layer
    this.#queue = new RestingQueue((socket) =>
      context.sockets.isHere(layer.secured ? transportOf(socket) : socket),
    )
    this.counted = layer.counted ?? this.kind
    this.secured = layer.secured
    this.batchSize = descriptorLimit - layer.descriptors
    // Each drop frees descriptors: connections that waited for one can move.
    this.#dropper = new SocketDropper(onQuiescent)
    this.#limit = new RequestLimit(server)
    this.#departures = new Departures(server, layer, this.#limit, {
      onGone: (sockets) => {
        this.#dropper.drop(sockets)
        context.forget(transportsOf(sockets, layer))
      },
      park: (fd, item, secrets) => this.#parkAgain(fd, item, secrets),
    })
    this.#reporter = new RestReporter(system, {
      restingAmong: (used) => this.#restingAmong(used),
      size: () => context.open(),
    })
    this.parking = new ParkedConnections(system, {
      onReadable: (parked) => this.#unpark(parked),
      onExpired: (parked) => this.#expire(parked),
      onCount: (by) => {
        if (by > 0) this.#closeParkedWithServer()
        countSocketless(server, by)
      },
      onEmpty: context.onEmpty,
    })
  }

  get leaving(): number {
    return this.#departures.count
  }

  onConnection(): void {
    this.#limit.start()
  }

  take(limit: number, pace?: Pace): Departing[] {
    const parked = this.parking.take(limit, pace)
    if (parked.length > 0) return departParked(parked, this.#layer, this.parking)
    const queued = this.#takeQueued(limit, pace)
    return queued.length > 0 ? queued : this.#takeListed(limit, pace)
  }

  complete(batch: readonly Departing[]): void {
    this.#departures.complete(batch)
  }

  stopTaking(): void {
    this.#queue.clear()
    this.#dropper.resume()
  }

  adopt(arriving: readonly Arriving[]): void {
    const parked: ArrivedHttp[] = []
    try {
      adoptEach(arriving, (one) => {
        const received = this.#layer.receive(one)
        checkHttpItem(one.item)
        const { fd, item, origin } = one
        parked.push({ fd, item, origin, received })
      })
    } finally {
      this.parking.park(parked)
      this.#context.onQuiescent()
    }
  }

  closeQuiescent(): void {
    this.parking.close()
    for (const socket of this.#sort().resting) {
      if (!hasNoBytesInFlight(socket)) continue
      markClosed(socket)
      this.#layer.close(socket)
    }
  }

  completeItem(item: unknown, before: unknown): unknown {
    checkHttpItem(item)
    return this.#layer.complete(item, before)
  }

  stopRestReports(): void {
    this.#reporter.stop()
  }

  detach(): void {
    this.#detached = true
    this.#limit.stop()
    this.stopRestReports()
    this.#stopClosingParked?.()
    this.#stopClosingParked = undefined
  }

  /** Makes a socket of a parked connection, which the server treats like any other. */
  #unpark({ fd, item, origin, received }: ArrivedHttp): Socket {
    const { requests = 0 } = item
    const socket = this.#layer.adopt(this.#server, fd, received)
    if (requests > 0) this.#limit.carry(socket, requests)
    this.#context.origins.set(socket, origin)
    if (origin?.wantsRests) this.#reporter.add(socket, (rest) => origin.onRest(rest))
    this.#layer.emit(this.#server, socket)
    return socket
  }

  /** As Node.js: if there are listeners of `timeout`, they decide what becomes of the connection. */
  #expire(parked: ArrivedHttp): void {
    if (this.#server.listenerCount('timeout') > 0) {
      this.#unpark(parked).emit('timeout')
      return
    }
    parked.received?.sayGoodbye(parked.fd)
    close(parked.fd)
    parked.origin?.onEnd()
    this.#context.counter.countExpired(this.counted)
  }

  /** A server that never had parked connections keeps its own methods. */
  #closeParkedWithServer(): void {
    if (this.#stopClosingParked !== undefined || this.#detached) return
    const { counter } = this.#context
    this.#stopClosingParked = closeParkedWith(this.#server, {
      // Whether those that are new count as idle is up to the server: Node 26 closes them, its
      // predecessors do not.
      closeIdle: () => {
        counter.countParkedEnds('closed', this, () => this.parking.closeIdle())
        this.stopTaking()
        this.parking.unpark()
      },
      closeAll: () => {
        this.stopTaking()
        counter.countParkedEnds('closed', this, () => this.parking.close())
      },
    })
  }

  /** Its socket was destroyed on its way, and the client did not see that. */
  #parkAgain(fd: number, item: HttpItem, secrets: Secrets | undefined): void {
    this.parking.park([{ fd, item, received: this.#layer.receive({ item, secrets }) }])
  }

  /** Lists connections until one can go. Ends this pass, and then looks at all of them: some may be at rest by now. */
  #takeListed(limit: number, pace: Pace | undefined): Departing[] {
    let hasBegun = false
    for (;;) {
      if (this.#queue.isWhole) {
        // The other connections may wait for the pace for a while.
        if (hasBegun || this.#queue.size > 0) break
        hasBegun = true
        this.#queue.beginPass()
      }
      this.#fillQueue()
      const queued = this.#takeQueued(limit, pace)
      if (queued.length > 0) return queued
    }
    this.#dropper.resume()
    return []
  }

  #takeQueued(limit: number, pace: Pace | undefined): Departing[] {
    const resting = this.#queue.take(limit, this.#mayLeave, pace)
    if (resting.length === 0) return []
    const dups = dupForSending(resting)
    if (dups.length < resting.length) {
      // Drops free descriptors, and then this is called again.
      this.#queue.putBack(resting.splice(dups.length))
      this.#dropper.resume()
    }
    return this.#departures.begin(resting, dups)
  }

  /** Returns those that may leave now. */
  readonly #mayLeave = (resting: RestingSocket[]): RestingSocket[] => {
    const canLeave = this.#canLeave(resting.map(({ socket }) => socket))
    return resting.filter((_, index) => canLeave[index])
  }

  #canLeave(sockets: readonly Socket[]): boolean[] {
    const canLeave = this.#layer.canLeave(sockets)
    if (!this.#limit.isCounting) return canLeave
    return canLeave.map((can, index) => can && !this.#limit.isReached(sockets[index] as Socket))
  }

  #fillQueue(): void {
    // Each of the others would be looked at in vain.
    if (this.#context.open() === this.leaving) {
      this.#queue.clear()
      return
    }
    const { sockets } = this.#context
    const list = listResting(this.#server, sockets, this.#queue.part, () => this.#sort())
    // Sockets are dropped once no connection waits to be sent.
    if (list.sockets.length > 0) this.#dropper.pause()
    this.#queue.fill(list)
    for (const socket of list.busy) this.#awaitRequest(socket)
  }

  #sort(): SortedConnections {
    const { sockets } = this.#context
    if (this.#context.open() === this.leaving) return { resting: [], busy: [] }
    const candidates = this.#layer.httpSockets(this.#server, sockets)
    return sortConnections(this.#server, candidates, this.#dropper.sockets)
  }

  #restingAmong(used: ReadonlySet<Socket>): Resting[] {
    const answered = restingAmong(this.#server, used)
    const canLeave = this.#canLeave(answered)
    const resting = answered.filter((_, index) => canLeave[index])
    const progress = readProgress(resting.map((socket) => descriptorOf(socket) ?? -1))
    const { left } = readTimers(resting)
    return resting.map((socket, index) => ({
      socket,
      progress: progress[index],
      item: {
        ...this.#departures.itemOf(socket, isNew(socket), left[index]),
        ...this.#layer.fieldsAtRest(
          socket,
          this.#context.origins.of(socket)?.wantsWholeItems ?? true,
        ),
      },
    }))
  }

  /** A request may be answered before all of it has come: then no finished response reports its end. */
  #awaitRequest(socket: Socket): void {
    const request = requestBeingRead(socket)
    if (request === undefined || this.#awaited.has(request)) return
    this.#awaited.add(request)
    request.once('close', this.#context.onQuiescent)
  }
}
