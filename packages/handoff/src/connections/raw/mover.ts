// Moves connections of a net.Server between two messages of a protocol that the application knows.

import type { Server, Socket } from 'node:net'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { adoptEach, adoptSocket, emitConnection } from '../moving/adopt-socket.ts'
import { markAdopted } from '../moving/adopted-sockets.ts'
import { batchSize, type Candidate, fillBatch } from '../moving/batch.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import type { Arriving, Departing, ServerMover } from '../moving/mover.ts'
import { observeData } from '../moving/observe-data.ts'
import type { Origins } from '../moving/origins.ts'
import type { Pace } from '../moving/pace.ts'
import type { Sockets } from '../tracking/socket-set.ts'

/** How the connections of a server move. */
export interface ConnectionHooks {
  /**
   * Returns whether a connection is between two messages: everything that was read has been answered,
   * and no work for it is under way. Called again after each piece of data.
   */
  atRest(socket: Socket): boolean
  /** Returns the application's state of the connection, as JSON. The application gets no more data. */
  export?(socket: Socket): unknown
  /** Restores, after `connection`, the state that the old process exported. */
  import?(socket: Socket, state: unknown): void
}

interface Context {
  /** The open connections of the server. */
  readonly sockets: Sockets
  readonly origins: Origins
  readonly optIns: { connectionsOf(server: Server): ConnectionHooks | undefined }
  /** Called when data was read or written: a busy connection may be at rest now. */
  onQuiescent(): void
  onWarning(message: string): void
}

interface Item {
  state?: unknown
}

export class RawMover implements ServerMover {
  readonly kind = 'raw'
  readonly batchSize = batchSize
  readonly #server: Server
  readonly #context: Context
  /** Connections that cannot move: their state could not be exported. */
  readonly #kept = new WeakSet<Socket>()
  /** Connections that are checked again when their writes have ended. */
  readonly #flushing = new WeakSet<Socket>()

  constructor(server: Server, context: Context) {
    this.#server = server
    this.#context = context
  }

  get adopts(): boolean {
    return this.#hooks !== undefined
  }

  get #hooks(): ConnectionHooks | undefined {
    return this.#context.optIns.connectionsOf(this.#server)
  }

  onConnection(socket: Socket): void {
    if (this.adopts) observeData(socket, this.#context.onQuiescent)
  }

  take(limit: number, pace?: Pace): Departing[] {
    const hooks = this.#hooks
    if (hooks === undefined) return []
    return fillBatch(this.#candidates(hooks), limit, (arriving) => this.adopt([arriving]), pace)
  }

  adopt(arriving: readonly Arriving[]): void {
    adoptEach(arriving, (one) => this.#adopt(one))
    // This process may itself be handing over: what has arrived at rest can go on.
    this.#context.onQuiescent()
  }

  #adopt({ fd, item, origin }: Arriving): void {
    const { state } = readItem(item)
    const socket = adoptSocket(this.#server, fd)
    markAdopted(socket)
    this.#context.origins.set(socket, origin)
    emitConnection(this.#server, socket)
    try {
      this.#hooks?.import?.(socket, state)
    } catch (error) {
      socket.destroy()
      this.#context.onWarning(
        `a connection was closed: its state could not be imported: ${reasonOf(error)}`,
      )
    }
  }

  /** Checks again when all writes have ended: a write of nothing comes after those before it. */
  #checkWhenFlushed(socket: Socket): void {
    if (this.#flushing.has(socket) || !socket.writable) return
    this.#flushing.add(socket)
    socket.write('', () => {
      this.#flushing.delete(socket)
      this.#context.onQuiescent()
    })
  }

  *#candidates(hooks: ConnectionHooks): Iterable<Candidate> {
    for (const socket of this.#context.sockets) {
      if (this.#kept.has(socket)) continue
      if (socket.writableLength > 0) this.#checkWhenFlushed(socket)
      if (!hasNoBytesInFlight(socket)) continue
      yield {
        socket,
        atRest: () => hooks.atRest(socket),
        item: (): Item => ({ state: hooks.export?.(socket) }),
        removeListeners: () => void socket.removeAllListeners(),
        keep: (reason) => {
          this.#kept.add(socket)
          this.#context.onWarning(`a connection stays in this process: ${reason}`)
        },
      }
    }
  }
}

function readItem(item: unknown): Item {
  if (typeof item === 'object' && item !== null) return item as Item
  throw new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot adopt a connection: its item is not an object',
  )
}
