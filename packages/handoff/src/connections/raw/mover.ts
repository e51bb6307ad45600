// Moves connections of a net.Server between two messages of a protocol that the application knows.

import type { Server, Socket } from 'node:net'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import type { CountedKind } from '../../terms/fates.ts'
import { adoptEach } from '../moving/adopt-socket.ts'
import { markAdopted } from '../moving/adopted-sockets.ts'
import { batchSize, type Candidate, fillBatch } from '../moving/batch.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import type { Layer } from '../moving/layer.ts'
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

/** The application's sockets, if they are not the connections themselves. */
interface RawSockets extends Iterable<Socket> {
  /** Called when data was read. */
  onData: () => void
}

interface Context {
  readonly layer: Layer
  /** The open connections of the server. */
  readonly sockets: Sockets
  readonly origins: Origins
  readonly optIns: {
    connectionsOf(server: Server): ConnectionHooks | undefined
    secureSocketsOf(server: Server): RawSockets | undefined
  }
  /** Called when data was read or written: a busy connection may be at rest now. */
  onQuiescent(): void
  onWarning(message: string): void
}

interface Item {
  state?: unknown
}

export class RawMover implements ServerMover {
  readonly kind = 'raw'
  readonly counted: CountedKind
  readonly secured: boolean
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
    this.counted = context.layer.counted ?? this.kind
    this.secured = context.layer.secured
  }

  get adopts(): boolean {
    return this.#hooks !== undefined
  }

  get #hooks(): ConnectionHooks | undefined {
    return this.#context.optIns.connectionsOf(this.#server)
  }

  get #secureSockets(): RawSockets | undefined {
    return this.#context.optIns.secureSocketsOf(this.#server)
  }

  onConnection(socket: Socket): void {
    if (!this.adopts) return
    const secure = this.#secureSockets
    if (secure !== undefined) secure.onData = this.#context.onQuiescent
    else observeData(socket, this.#context.onQuiescent)
  }

  take(limit: number, pace?: Pace): Departing[] {
    const hooks = this.#hooks
    if (hooks === undefined) return []
    const { layer } = this.#context
    const adopt = (arriving: Arriving) => this.adopt([arriving])
    return fillBatch(this.#candidates(hooks), limit, { layer, adopt }, pace)
  }

  adopt(arriving: readonly Arriving[]): void {
    adoptEach(arriving, (one) => this.#adopt(one))
    // This process may itself be handing over: what has arrived at rest can go on.
    this.#context.onQuiescent()
  }

  #adopt({ fd, item, secrets, origin }: Arriving): void {
    const { layer } = this.#context
    const { state } = readItem(item)
    const socket = layer.adopt(this.#server, fd, layer.receive({ item, secrets }))
    markAdopted(socket)
    this.#context.origins.set(socket, origin)
    layer.emit(this.#server, socket)
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
    for (const socket of this.#secureSockets ?? this.#context.sockets) {
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
