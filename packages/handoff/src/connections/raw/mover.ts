// Connections of a net.Server between two messages of a protocol that the application knows.

import type { Server, Socket } from 'node:net'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { markAdopted } from '../moving/adopted.ts'
import { adoptEach, announce, attach } from '../moving/attach.ts'
import { type Candidate, fillBatch } from '../moving/batch.ts'
import { isStill } from '../moving/bytes-in-flight.ts'
import type { Arriving, Departing, Mover, Origin } from '../moving/mover.ts'
import type { Sockets } from '../moving/socket-set.ts'
import { watchData } from '../moving/watch-data.ts'

/** How the connections of a server go over. */
export interface ConnectionHooks {
  /**
   * Tells whether a connection stands between two messages: nothing of a message was read that was
   * not answered, and nothing is under way for it. Asked again after each piece of data.
   */
  atRest(socket: Socket): boolean
  /** Gives what the application knows of the connection, as JSON; the last that it hears of it. */
  export?(socket: Socket): unknown
  /** Takes up, after `connection`, what the old process exported. */
  import?(socket: Socket, state: unknown): void
}

interface RawHandlers {
  /** Something was read or has gone out: what was busy may rest now. */
  onChange(): void
  warn(message: string): void
}

interface Item {
  state?: unknown
}

export class RawMover implements Mover {
  readonly kind = 'raw'
  readonly parked = 0
  readonly leaving = 0
  readonly #server: Server
  readonly #sockets: Sockets
  readonly #hooks: () => ConnectionHooks | undefined
  readonly #handlers: RawHandlers
  /** Their state could not be had. */
  readonly #stay = new WeakSet<Socket>()
  /** Whom to tell of their end, where they came from another process. */
  readonly #origins = new WeakMap<Socket, Origin>()
  /** Looked at again when they have written what they have to. */
  readonly #flushing = new WeakSet<Socket>()

  /** @param sockets - the connections that the server has. */
  constructor(
    server: Server,
    sockets: Sockets,
    hooks: () => ConnectionHooks | undefined,
    handlers: RawHandlers,
  ) {
    this.#server = server
    this.#sockets = sockets
    this.#hooks = hooks
    this.#handlers = handlers
  }

  get adopts(): boolean {
    return this.#hooks() !== undefined
  }

  /** Looks at a connection whenever something was read. */
  watch(socket: Socket): void {
    watchData(socket, this.#handlers.onChange)
  }

  take(limit: number): Departing[] {
    const hooks = this.#hooks()
    if (hooks === undefined) return []
    return fillBatch(this.#atRest(hooks), limit, (arriving) => this.adopt([arriving]))
  }

  settle(): void {}

  ended(socket: Socket): void {
    this.#origins.get(socket)?.onEnd()
    this.#origins.delete(socket)
  }

  adopt(arriving: readonly Arriving[]): void {
    adoptEach(arriving, (one) => this.#adopt(one))
  }

  #adopt({ fd, item, origin }: Arriving): void {
    const { state } = readItem(item)
    const socket = attach(this.#server, fd)
    markAdopted(socket)
    if (origin !== undefined) this.#origins.set(socket, origin)
    announce(this.#server, socket)
    try {
      this.#hooks()?.import?.(socket, state)
    } catch (error) {
      socket.destroy()
      const reason = `its state could not be imported: ${reasonOf(error)}`
      this.#handlers.warn(`a connection was closed: ${reason}`)
    }
  }

  /** How its protocol says goodbye, only the application knows. */
  closeQuiescent(): void {}

  close(): void {}

  /** A write of nothing has its turn after all that is to be written before it. */
  #lookWhenFlushed(socket: Socket): void {
    if (this.#flushing.has(socket) || !socket.writable) return
    this.#flushing.add(socket)
    socket.write('', () => {
      this.#flushing.delete(socket)
      this.#handlers.onChange()
    })
  }

  *#atRest(hooks: ConnectionHooks): Iterable<Candidate> {
    for (const socket of this.#sockets) {
      if (this.#stay.has(socket)) continue
      if (socket.writableLength > 0) this.#lookWhenFlushed(socket)
      if (!isStill(socket)) continue
      yield {
        atRest: () => hooks.atRest(socket),
        item: (): Item => ({ state: hooks.export?.(socket) }),
        socket,
        silence: () => void socket.removeAllListeners(),
        stay: (reason) => {
          this.#stay.add(socket)
          this.#handlers.warn(`a connection stays in this process: ${reason}`)
        },
      }
    }
  }
}

function readItem(item: unknown): Item {
  if (typeof item === 'object' && item !== null) return item as Item
  throw new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot take over a connection: its item is not an object',
  )
}
