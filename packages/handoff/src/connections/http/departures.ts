// HTTP/1.1 connections on their way to another process, which still have sockets here.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import { unlistConnection } from '../../io/node/internals/http-parser.ts'
import { transportOf } from '../../io/node/internals/tls.ts'
import { addSecrets } from '../moving/add-secrets.ts'
import type { BatchSecrets, Layer } from '../moving/layer.ts'
import type { Departing, Secrets } from '../moving/mover.ts'
import { resumeReading } from '../moving/release-socket.ts'
import { type DepartingHandlers, DepartingSocket } from './departing-socket.ts'
import { type HttpItem, idleMs, unspokenMs } from './http-item.ts'
import type { RequestLimit } from './request-limit.ts'
import type { RestingSocket } from './resting-queue.ts'

export interface DeparturesHandlers extends Pick<DepartingHandlers, 'park'> {
  /** The other process has the connections. */
  onGone(sockets: readonly Socket[]): void
}

/** @remarks There are thousands, and their code runs once in the life of a process: few calls for each. */
export class Departures {
  readonly #server: Server
  readonly #layer: Layer
  readonly #limit: RequestLimit
  readonly #handlers: DepartingHandlers
  #count = 0

  constructor(server: Server, layer: Layer, limit: RequestLimit, handlers: DeparturesHandlers) {
    this.#server = server
    this.#layer = layer
    this.#limit = limit
    this.#handlers = {
      onGone: (sockets) => {
        this.#count -= sockets.length
        for (const socket of sockets) unlistConnection(socket)
        handlers.onGone(sockets)
      },
      onBack: (socket) => {
        this.#count -= 1
        layer.resume(socket)
      },
      park: handlers.park,
    }
  }

  /** How many connections were sent and not acked: they may be the other process's. */
  get count(): number {
    return this.#count
  }

  /**
   * Takes connections away from their sockets, in the tick in which they were found quiescent: they stay so until they
   * are sent.
   *
   * @param fds - dups of their descriptors. Owns them.
   */
  begin(resting: readonly RestingSocket[], fds: ArrayLike<number>): Departing[] {
    const batch = this.#layer.beginBatch(resting.length)
    const departing: Departing[] = []
    for (let index = 0; index < resting.length; index++) {
      const { socket, handle, bytesRead, left } = resting[index] as RestingSocket
      const fd = fds[index] as number
      handle.readStop()
      const item = this.itemOf(socket, bytesRead === 0, left)
      const secrets = batch && this.#addSecrets(batch, socket, fd, item)
      if (secrets === 'none') continue
      departing.push(new DepartingSocket(socket, fd, item, secrets, this.#handlers))
    }
    batch?.end()
    this.#count += departing.length
    return departing
  }

  /** The other process has a batch. */
  complete(batch: readonly Departing[]): void {
    const sockets = DepartingSocket.socketsOf(batch)
    if (sockets !== undefined) this.#handlers.onGone(sockets)
    else for (const departing of batch) departing.complete()
  }

  /**
   * Returns what another process needs to know of a connection.
   *
   * @param isUnread - whether nothing was read from it in this process.
   * @param left - the remaining time of its socket's timer, in milliseconds.
   */
  itemOf(socket: Socket, isUnread: boolean, left: number | undefined): HttpItem {
    if (!isUnread && !this.#limit.isCounting) return { idleMs: idleMs(this.#server, left) }
    const requests = this.#limit.requestsOf(socket)
    if (isUnread && !requests) return { idleMs: unspokenMs(this.#server, left), requests: 0 }
    const item: HttpItem = { idleMs: idleMs(this.#server, left) }
    if (requests !== undefined) item.requests = requests
    return item
  }

  #addSecrets(
    batch: BatchSecrets,
    socket: Socket,
    fd: number,
    item: HttpItem,
  ): Secrets | undefined | 'none' {
    Object.assign(item, this.#layer.fieldsOf(socket))
    return addSecrets(batch, socket, () => {
      close(fd)
      resumeReading(socket)
    })
  }
}

/** Returns the connections below sockets: the sockets themselves, unless a layer lies between. */
export function transportsOf(sockets: readonly Socket[], layer: Layer): readonly Socket[] {
  return layer.secured ? sockets.map(transportOf) : sockets
}
