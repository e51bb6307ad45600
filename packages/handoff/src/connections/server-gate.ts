// Opens and shuts a net.Server (http, https, http2 alike) without the program noticing.

import type { Server } from 'node:net'
import tls from 'node:tls'
import type { Held } from '../io/listeners/held.ts'
import {
  listenOn,
  refuseConnections,
  removeStandIn,
  standIn,
} from '../io/listeners/listening-handle.ts'
import { openPlaceholder } from '../io/listeners/placeholder.ts'
import { dup } from '../io/native/descriptors.ts'
import { namePlace } from '../io/node/internals.ts'
import type { System } from '../io/system/system.ts'
import type { KindCounts } from '../terms/fates.ts'
import type { Consents } from './consents.ts'
import { addressOf } from './gate/address.ts'
import type { Gate, GateHandlers } from './gate/gate.ts'
import { JoinedGate } from './joined-gate.ts'
import type { ConnectionKind, Mover } from './moving/mover.ts'
import { ServerConnections } from './server-connections.ts'

/**
 * `waiting`: listens on a placeholder, until the commit. `shut`: listens on nothing; what stands in
 * for its handle keeps Node.js from emitting `close`.
 */
type State = 'new' | 'waiting' | 'open' | 'shut' | 'closed'

export class ServerGate implements Gate {
  readonly #server: Server
  readonly #backlog: number
  readonly #handlers: GateHandlers
  readonly #connections: ServerConnections
  #held: Held | undefined
  #path: string | undefined
  #state: State = 'new'

  constructor(
    server: Server,
    backlog: number,
    system: System,
    consents: Consents,
    handlers: GateHandlers,
  ) {
    this.#server = server
    this.#backlog = backlog
    this.#handlers = handlers
    this.#connections = new ServerConnections(server, system, consents, {
      tally: handlers.tally,
      onEmpty: () => handlers.onEmpty(this),
      onQuiescent: () => handlers.onQuiescent(this),
      onWarning: (message) => handlers.onWarning(message),
    })
    // From here on the program can close it.
    standIn(server, { onClose: () => this.#onClose() })
  }

  /** Whether the application closed the server; then there is nothing to open any more. */
  get closed(): boolean {
    return this.#state === 'closed'
  }

  get held(): Held {
    if (this.#held === undefined) throw new TypeError('the gate has no listener yet')
    return this.#held
  }

  get #place(): ReturnType<typeof addressOf> {
    return this.#path ?? addressOf(this.held.entry)
  }

  get ticketKeys(): Buffer | undefined {
    return this.#server instanceof tls.Server ? this.#server.getTicketKeys() : undefined
  }

  get connections(): number {
    return this.#connections.count
  }

  get kinds(): KindCounts {
    return this.#connections.kinds
  }

  get movers(): readonly Mover[] {
    return this.#connections.movers
  }

  /**
   * Makes the server listen: on the listener itself, or, while the old process still accepts from
   * it, on a placeholder. Either way `listening` is emitted and `address()` returns the real place.
   *
   * @param path - of a Unix listener, as the program wrote it.
   */
  async attach(held: Held, accept: boolean, path?: string): Promise<void> {
    this.#held = held
    this.#path = path
    const place = this.#place
    this.#state = accept ? 'open' : 'waiting'
    try {
      const fd = accept ? dup(held.fd) : openPlaceholder()
      const listens = this.#listen(fd, true, accept ? undefined : place)
      namePlace(this.#server, place)
      if (!accept) refuseConnections(this.#server)
      await listens
    } catch (error) {
      if (!this.closed) this.#state = 'new'
      throw error
    }
  }

  reattach(held: Held): void {
    this.#held = held
  }

  join(held: Held): Gate {
    return new JoinedGate(this.#server, this, held)
  }

  /** Leaves the server as it was: it could not listen. */
  detach(): void {
    if (this.#state === 'new') removeStandIn(this.#server)
    this.#connections.detach()
  }

  async open(): Promise<void> {
    if (this.#state !== 'waiting' && this.#state !== 'shut') return
    const before = this.#state
    this.#state = 'open'
    try {
      await this.#listen(dup(this.held.fd), false)
    } catch (error) {
      if (this.#state === 'open') this.#state = before
      throw error
    }
    namePlace(this.#server, this.#place)
  }

  /**
   * @remarks Not by http.Server's close, which takes a response for finished once end() was called
   * and cuts what is still to be sent, and stops the check of header timeouts.
   */
  shut(): void {
    if (this.closed) return
    this.#state = 'shut'
    standIn(this.#server, { onClose: () => this.#onClose(), address: this.#place })
  }

  giveNotice(): () => void {
    return this.#connections.giveNotice()
  }

  dismiss(drainMs: number, kinds: readonly ConnectionKind[]): () => void {
    return this.#connections.dismiss(drainMs, kinds)
  }

  closeQuiescent(drainMs: number): void {
    this.#connections.closeQuiescent(drainMs)
  }

  force(): void {
    this.#connections.force()
  }

  #listen(fd: number, shows: boolean, address?: ReturnType<typeof addressOf>): Promise<void> {
    const onClose = () => this.#onClose()
    return listenOn(this.#server, { fd, backlog: this.#backlog, shows, address, onClose })
  }

  /**
   * Our own descriptor keeps the kernel accepting after the server's is closed, and clients would
   * wait for an answer that never comes. So a close by the program must end both.
   */
  #onClose(): void {
    if (this.closed) return
    const isNew = this.#state === 'new'
    this.#state = 'closed'
    this.#connections.leaveToServer()
    this.#connections.detach()
    if (!isNew) this.#handlers.onClose(this)
  }
}
