// WebSockets between two messages go over; the new process replays the upgrade that opened them.

import type { Server, Socket } from 'node:net'
import type { System, Timer } from '../../io/system/system.ts'
import { HandoffError } from '../../terms/errors.ts'
import { markAdopted } from '../moving/adopted.ts'
import { adoptEach, announce, attach } from '../moving/attach.ts'
import { type Candidate, fillBatch } from '../moving/batch.ts'
import type { Arriving, Departing, Mover, Origin } from '../moving/mover.ts'
import { WebSocketConnection } from './connection.ts'
import { closeCodes } from './frames.ts'
import type { Agreement } from './head.ts'
import type { WebSocketServers } from './servers.ts'
import type { WebSockets } from './websockets.ts'

interface Item extends Agreement {
  /** The head of the upgrade request, as the client sent it; each character is one byte. */
  request: string
  /** What the application exported; absent where it exports nothing. */
  state?: unknown
}

/** How long the application may take to answer a replayed upgrade, in milliseconds. */
const answerTimeoutMs = 10_000

export class WebSocketMover implements Mover {
  readonly kind = 'websocket'
  readonly parked = 0
  readonly leaving = 0
  readonly #server: Server
  readonly #webSockets: WebSockets
  readonly #servers: WebSocketServers
  readonly #system: System
  readonly #warn: (message: string) => void
  /** Whom to tell of the end of a connection, if it came from another process. */
  readonly #origins = new WeakMap<Socket, Origin>()
  /** For the answer to a replayed upgrade. */
  readonly #deadlines = new WeakMap<Socket, Timer>()

  constructor(
    server: Server,
    webSockets: WebSockets,
    servers: WebSocketServers,
    system: System,
    warn: (message: string) => void,
  ) {
    this.#server = server
    this.#webSockets = webSockets
    this.#servers = servers
    this.#system = system
    this.#warn = warn
  }

  get adopts(): boolean {
    return this.#servers.any
  }

  /** Whether a connection goes over as soon as it is at rest. */
  moves(connection: WebSocketConnection): boolean {
    const opted = this.#servers.optedIn(connection)
    return opted !== undefined && !opted.stays && connection.opening !== undefined
  }

  take(limit: number): Departing[] {
    return fillBatch(this.#atRest(), limit, (arriving) => this.adopt([arriving]))
  }

  settle(): void {}

  ended(socket: Socket): void {
    this.#deadlines.get(socket)?.cancel()
    this.#deadlines.delete(socket)
    this.#origins.get(socket)?.onEnd()
    this.#origins.delete(socket)
  }

  adopt(arriving: readonly Arriving[]): void {
    adoptEach(arriving, (one) => this.#adopt(one))
  }

  /**
   * @remarks The request goes through Node's own parser, before anything that the client sent: so
   * the application meets an upgrade like any other. Its 101 is kept from the client.
   */
  #adopt({ fd, item, origin }: Arriving): void {
    const { request, state, ...agreement } = readItem(item)
    const socket = attach(this.#server, fd)
    markAdopted(socket)
    if (origin !== undefined) this.#origins.set(socket, origin)
    const connection = new WebSocketConnection(socket, agreement)
    this.#webSockets.track(connection)
    this.#servers.expect(connection, state)
    const late = () => {
      connection.close(closeCodes.serviceRestart)
      // Nobody else reads it, or would end it when the client has.
      socket.resume().end()
    }
    const deadline = this.#system.timer(answerTimeoutMs, late, true)
    this.#deadlines.set(socket, deadline)
    connection.onAnswer = () => deadline.cancel()
    socket.unshift(Buffer.from(request, 'latin1'))
    announce(this.#server, socket)
  }

  /** The gate says goodbye to all of its WebSockets, those of TLS too. */
  closeQuiescent(): void {}

  close(): void {}

  *#atRest(): Iterable<Candidate> {
    for (const connection of this.#webSockets) {
      const opted = this.#servers.optedIn(connection)
      const { opening } = connection
      if (opted === undefined || opted.stays || opening === undefined) continue
      if (!connection.atRest) continue
      yield {
        atRest: () => opted.isDone(connection.incoming.messages),
        item: (): Item => {
          const { request, agreement } = opening
          return { request, ...agreement, state: opted.export() }
        },
        socket: connection.socket,
        silence: () => opted.silence(),
        stay: (reason) => {
          opted.stays = true
          this.#warn(`a WebSocket stays in this process: ${reason}`)
        },
      }
    }
  }
}

function readItem(item: unknown): Item {
  const { request, extensions, protocol, state } = (item ?? {}) as Partial<Item>
  if (
    typeof request === 'string' &&
    typeof extensions === 'string' &&
    typeof protocol === 'string'
  ) {
    return { request, extensions, protocol, state }
  }
  throw new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot take over a WebSocket: its item lacks the request or what was agreed on',
  )
}
