// TLS between a mover and its connections: which of them can leave, what goes with them, how they arrive.

import type { Server, Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { type Progress, readProgress } from '../../io/native/many-connections.ts'
import { type TlsCounts, tlsCountsOf, writeTlsSecrets } from '../../io/native/tls-counts.ts'
import { SecretsFile } from '../../io/native/tls-secrets.ts'
import { descriptorOf, unsentBytes } from '../../io/node/internals/connection-handle.ts'
import { httpConnections } from '../../io/node/internals/http-connections.ts'
import { transportOf } from '../../io/node/internals/tls.ts'
import { adoptSocket, emitConnection } from '../moving/adopt-socket.ts'
import type { BatchSecrets, Layer, Received } from '../moving/layer.ts'
import type { Arriving, Secrets } from '../moving/mover.ts'
import type { Sockets } from '../tracking/socket-set.ts'
import { MovedTlsSocket } from './moved-socket.ts'
import { type Obstacle, obstacleOf } from './obstacles.ts'
import { ReceivedTls } from './received-tls.ts'
import { fieldsOf, finishedOf } from './socket-fields.ts'
import { readTlsProgress, type TlsFields } from './tls-item.ts'

export class TlsLayer implements Layer {
  readonly secured = true
  readonly counted = 'tls'
  /** The file with the secrets. */
  readonly descriptors = 1
  readonly #onObstacle: (obstacle: Obstacle) => void
  /** Connections on which other bytes than those of TLS came or went. */
  readonly #withOtherBytes = new WeakSet<Socket>()

  /** @param onObstacle - called when a connection cannot move, with the reason. */
  constructor(onObstacle: (obstacle: Obstacle) => void) {
    this.#onObstacle = onObstacle
  }

  /** Those that are in their handshake have no socket of the application yet. */
  httpSockets(server: Server, sockets: Sockets): Sockets {
    const has = (socket: Socket) => !socket.destroyed && sockets.has(transportOf(socket))
    const open = httpConnections(server).filter(has)
    return { size: open.length, has, [Symbol.iterator]: () => open[Symbol.iterator]() }
  }

  /** The kernel is asked about all of them in one call. */
  canLeave(sockets: readonly Socket[]): boolean[] {
    const counts = sockets.map((socket) => this.#countsAtRest(socket))
    const asked = sockets.map((socket, index) =>
      typeof counts[index] === 'object' ? (descriptorOf(socket) ?? -1) : -1,
    )
    const progress = asked.some((fd) => fd >= 0) ? readProgress(asked) : []
    return sockets.map((socket, index) => {
      const expected = counts[index]
      if (typeof expected !== 'object') return expected === true
      return this.#isBetweenRecords(socket, progress[index], expected)
    })
  }

  /** @returns whether a connection can leave, or the counts that the kernel has to confirm before. */
  #countsAtRest(socket: Socket): TlsCounts | boolean {
    // Alerts and KeyUpdates are not among what the stream has to write.
    if (MovedTlsSocket.isOne(socket)) {
      return MovedTlsSocket.isAtRest(socket) && unsentBytes(socket) === 0
    }
    const finished = finishedOf(socket)
    const counts = finished && tlsCountsOf(finished)
    const obstacle = obstacleOf(socket, counts)
    if (obstacle !== undefined && obstacle !== 'alert') this.#onObstacle(obstacle)
    return obstacle === undefined && counts?.atRest === true ? counts : false
  }

  #isBetweenRecords(socket: Socket, progress: Progress | undefined, counts: TlsCounts): boolean {
    if (progress === undefined) return false
    if (hasOtherBytes(progress, counts)) {
      this.#withOtherBytes.add(socket)
      this.#onObstacle('other-bytes')
    }
    // If the kernel's bytes are those of whole records, whatever comes next begins one.
    return progress.read === counts.read && progress.written === counts.written
  }

  stays(socket: Socket): boolean {
    if (MovedTlsSocket.isOne(socket)) return false
    if (this.#withOtherBytes.has(socket)) return true
    const finished = finishedOf(socket)
    const obstacle = obstacleOf(socket, finished && tlsCountsOf(finished))
    // After an alert it ends by itself: the client has closed its side, say, and awaits an answer.
    return obstacle !== undefined && obstacle !== 'alert'
  }

  fieldsOf(socket: Socket): object {
    if (MovedTlsSocket.isOne(socket)) return { tls: MovedTlsSocket.fieldsOf(socket) }
    return { tls: fieldsOf(socket as TLSSocket) }
  }

  fieldsAtRest(socket: Socket, isWhole: boolean): object {
    const fields = this.fieldsOf(socket) as { tls: object }
    if (!MovedTlsSocket.isOne(socket)) return fields
    const progress = MovedTlsSocket.progressOf(socket)
    return { tls: isWhole ? { ...fields.tls, progress } : { progress } }
  }

  beginBatch(limit: number): BatchSecrets {
    return new TlsBatch(limit)
  }

  resume(socket: Socket): void {
    if (MovedTlsSocket.isOne(socket)) MovedTlsSocket.resume(socket)
  }

  receive(arriving: Pick<Arriving, 'item' | 'secrets'>): ReceivedTls {
    return ReceivedTls.read(arriving)
  }

  /** Only the numbers are believed. What else a whole item has is as before. */
  complete(item: object, before: unknown): object {
    const progress = readTlsProgress(item)
    return { ...item, tls: { ...(before as { tls: TlsFields }).tls, progress } }
  }

  adopt(server: Server, fd: number, received: Received | undefined): Socket {
    return adoptSocket(server, fd, (options) => {
      return new MovedTlsSocket(options, server as TlsServer, received as ReceivedTls)
    })
  }

  emit(server: Server, socket: Socket): void {
    emitConnection(server, socket, 'secureConnection')
  }

  /** With close_notify, so that no client takes the end for a truncation (RFC 8446, section 6.1). */
  close(socket: Socket): void {
    socket.destroySoon()
  }
}

/** A record has a header of so many bytes (RFC 8446, section 5.1). */
const headerBytes = 5

/**
 * Whether the kernel has more bytes than the records of a connection, such as a header of the PROXY protocol.
 *
 * @remarks OpenSSL counts a record from its header on. So what was read of a record that it has not counted is less than
 * a header, and it counts what it writes before the kernel does.
 */
function hasOtherBytes(kernel: Progress, { read, written }: TlsCounts): boolean {
  return kernel.read >= read + headerBytes || kernel.written > written
}

/** The file is made when the first connection is added. */
class TlsBatch implements BatchSecrets {
  readonly #limit: number
  #file: SecretsFile | undefined
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(connection: Socket | Received): Secrets {
    this.#file ??= SecretsFile.create(this.#limit)
    const secrets = { file: this.#file, index: this.#count }
    write(connection, secrets)
    this.#count += 1
    this.#file.retain()
    return secrets
  }

  end(): void {
    if (this.#count > 0) this.#file?.seal()
    this.#file?.release()
  }
}

function write(connection: Socket | Received, { file, index }: Secrets): void {
  if (connection instanceof ReceivedTls) {
    connection.records.writeSecrets(file, index)
    return
  }
  const socket = connection as Socket
  const finished = finishedOf(socket)
  if (MovedTlsSocket.isOne(socket)) MovedTlsSocket.writeSecrets(socket, file, index)
  else if (finished === undefined) throw new TypeError('its handshake is not over')
  else writeTlsSecrets(finished, file.fd, index)
}
