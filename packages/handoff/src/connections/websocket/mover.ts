// Moves WebSockets that are between two messages. The new process replays their upgrade.

import type { Server, Socket } from 'node:net'
import type { System, Timer } from '../../io/system/system.ts'
import { HandoffError } from '../../terms/errors.ts'
import { adoptEach } from '../moving/adopt-socket.ts'
import { markAdopted } from '../moving/adopted-sockets.ts'
import { batchSize, type Candidate, fillBatch } from '../moving/batch.ts'
import type { Layer } from '../moving/layer.ts'
import type { Arriving, Departing, ServerMover } from '../moving/mover.ts'
import type { Origins } from '../moving/origins.ts'
import type { Pace } from '../moving/pace.ts'
import { WebSocketConnection } from './connection.ts'
import { closeCodes } from './frames.ts'
import type { Agreement } from './handshake.ts'
import type { OptedInServers } from './opted-in-servers.ts'
import type { WebSockets } from './websockets.ts'

interface Item extends Agreement {
  /** The head of the upgrade request, as the client sent it. Each character is one byte. */
  request: string
  /** What the application exported; absent if it exports nothing. */
  state?: unknown
}

/** How long the application may take to answer a replayed upgrade, in milliseconds. */
const answerTimeoutMs = 10_000

interface Context {
  readonly origins: Origins
  readonly system: System
  readonly optIns: { readonly webSockets: OptedInServers }
  readonly layer: Layer
  onWarning(message: string): void
}

export class WebSocketMover implements ServerMover {
  readonly kind = 'websocket'
  readonly secured: boolean
  readonly batchSize = batchSize
  readonly #server: Server
  readonly #webSockets: WebSockets
  readonly #servers: OptedInServers
  readonly #context: Context
  /** For the answer to a replayed upgrade. */
  readonly #deadlines = new WeakMap<Socket, Timer>()

  /** @param webSockets - the WebSockets of the server. */
  constructor(server: Server, webSockets: WebSockets, context: Context) {
    this.#server = server
    this.#webSockets = webSockets
    this.#servers = context.optIns.webSockets
    this.#context = context
    this.secured = context.layer.secured
  }

  get adopts(): boolean {
    return this.#servers.hasAny
  }

  onEnd(socket: Socket): void {
    this.#deadlines.get(socket)?.cancel()
    this.#deadlines.delete(socket)
  }

  take(limit: number, pace?: Pace): Departing[] {
    const { layer } = this.#context
    const adopt = (arriving: Arriving) => this.adopt([arriving])
    return fillBatch(this.#candidates(), limit, { layer, adopt }, pace)
  }

  adopt(arriving: readonly Arriving[]): void {
    adoptEach(arriving, (one) => this.#adopt(one))
  }

  /**
   * @remarks The request goes through Node's own parser, before what the client has sent. To the
   * application it is an upgrade like any other. Its 101 is not sent to the client.
   */
  #adopt({ fd, item, secrets, origin }: Arriving): void {
    const { layer } = this.#context
    const { request, state, ...agreement } = readItem(item)
    const socket = layer.adopt(this.#server, fd, layer.receive({ item, secrets }))
    markAdopted(socket)
    this.#context.origins.set(socket, origin)
    const connection = new WebSocketConnection(socket, agreement)
    this.#webSockets.track(connection)
    this.#servers.storeState(connection, state)
    const onTimeout = () => {
      connection.close(closeCodes.serviceRestart)
      // The application does not read it, and does not end it when the client has.
      socket.resume().end()
    }
    const deadline = this.#context.system.timer(answerTimeoutMs, onTimeout, true)
    this.#deadlines.set(socket, deadline)
    connection.onAnswer = () => deadline.cancel()
    socket.unshift(Buffer.from(request, 'latin1'))
    layer.emit(this.#server, socket)
  }

  *#candidates(): Iterable<Candidate> {
    for (const connection of this.#webSockets) {
      const opted = this.#servers.socketOf(connection)
      const { movable } = connection
      if (opted === undefined || opted.cannotMove || movable === undefined) continue
      if (this.#context.layer.stays(connection.socket)) opted.cannotMove = true
      if (!connection.isAtRest) continue
      yield {
        socket: connection.socket,
        atRest: () => opted.isAtRest(connection.incoming.messages),
        item: (): Item => {
          const { request, agreement } = movable
          return { request, ...agreement, state: opted.export() }
        },
        removeListeners: () => opted.removeListeners(),
        keep: (reason) => {
          opted.cannotMove = true
          this.#context.onWarning(`a WebSocket stays in this process: ${reason}`)
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
    'cannot adopt a WebSocket: its item lacks the request or the agreement',
  )
}
