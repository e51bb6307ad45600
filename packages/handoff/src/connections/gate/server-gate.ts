// Opens and shuts a net.Server (http, https, http2 alike) without an event in the program.

import type { Server } from 'node:net'
import { AcceptBurst } from '../../io/listeners/accept-burst.ts'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import {
  installInertHandle,
  listenOn,
  refuseConnections,
  removeInertHandle,
} from '../../io/listeners/listening-handle.ts'
import { openPlaceholder } from '../../io/listeners/placeholder-listener.ts'
import { dup } from '../../io/native/descriptors.ts'
import { setAddressFields } from '../../io/node/internals/server-handle.ts'
import type { System } from '../../io/system/system.ts'
import type { OptIns } from '../opt-ins.ts'
import { ServerConnections } from '../server-connections.ts'
import type { Gate, GateHandlers } from './gate.ts'
import { JoinedGate } from './joined-gate.ts'
import { addressOf } from './listener-address.ts'

/**
 * `waiting`: the server listens on a placeholder, until the commit. `shut`: it listens on nothing; an
 * inert handle keeps Node.js from emitting `close`.
 */
type State = 'new' | 'waiting' | 'open' | 'shut' | 'closed'

export class ServerGate implements Gate {
  readonly connections: ServerConnections
  readonly #server: Server
  readonly #backlog: number
  readonly #handlers: GateHandlers
  readonly #system: System
  #held: HeldListener | undefined
  #path: string | undefined
  #state: State = 'new'

  constructor(
    server: Server,
    backlog: number,
    system: System,
    optIns: OptIns,
    handlers: GateHandlers,
  ) {
    this.#server = server
    this.#backlog = backlog
    this.#handlers = handlers
    this.#system = system
    const burst = new AcceptBurst(server, system)
    this.connections = new ServerConnections(server, system, optIns, {
      fates: handlers.fates,
      onAccepted: () => burst.onAccepted(),
      onEmpty: () => handlers.onEmpty(this),
      onQuiescent: () => handlers.onQuiescent(this),
      onWarning: (message) => handlers.onWarning(message),
    })
    // From here on the program can close the server.
    installInertHandle(server, { onClose: () => this.#onClose() })
  }

  /** Whether the application has closed the server. It cannot be opened any more. */
  get closed(): boolean {
    return this.#state === 'closed'
  }

  get held(): HeldListener {
    if (this.#held === undefined) throw new TypeError('the gate has no listener yet')
    return this.#held
  }

  get answersRequests(): boolean {
    return this.#server.listenerCount('request') > 0
  }

  get #address(): ReturnType<typeof addressOf> {
    return this.#path ?? addressOf(this.held.entry)
  }

  /**
   * Makes the server listen: on the listener itself or, while the old process still accepts from
   * it, on a placeholder. Either way `listening` is emitted and `address()` returns the real address.
   *
   * @param path - of a Unix listener, as the program wrote it.
   */
  async listen(held: HeldListener, accept: boolean, path?: string): Promise<void> {
    this.#held = held
    this.#path = path
    const address = this.#address
    this.#state = accept ? 'open' : 'waiting'
    try {
      const fd = accept ? dup(held.fd) : openPlaceholder()
      const listens = this.#listenOn(fd, true, accept ? undefined : address)
      setAddressFields(this.#server, address)
      if (!accept) refuseConnections(this.#server)
      await listens
    } catch (error) {
      if (!this.closed) this.#state = 'new'
      throw error
    }
  }

  /** Returns a gate for one more listener of the same server. */
  join(held: HeldListener): JoinedGate {
    return new JoinedGate(this.#server, this, held, this.#system)
  }

  /** Leaves the server as it was: it could not listen. */
  detach(): void {
    if (this.#state === 'new') removeInertHandle(this.#server)
    this.connections.detach()
  }

  async open(held?: HeldListener): Promise<void> {
    this.#held = held ?? this.#held
    if (this.#state !== 'waiting' && this.#state !== 'shut') return
    const before = this.#state
    this.#state = 'open'
    try {
      await this.#listenOn(dup(this.held.fd), false)
    } catch (error) {
      if (this.#state === 'open') this.#state = before
      throw error
    }
    setAddressFields(this.#server, this.#address)
  }

  /**
   * @remarks `http.Server.close()` does not fit. It takes a response for finished once end() was called,
   * and cuts what is still to be sent. It also stops the check of header timeouts.
   */
  shut(): void {
    if (this.closed || this.#state === 'shut') return
    this.#state = 'shut'
    installInertHandle(this.#server, { onClose: () => this.#onClose(), address: this.#address })
  }

  #listenOn(fd: number, shows: boolean, address?: ReturnType<typeof addressOf>): Promise<void> {
    const onClose = () => this.#onClose()
    return listenOn(this.#server, { fd, backlog: this.#backlog, shows, address, onClose })
  }

  /**
   * A close by the program must end both descriptors: while the gate's own is open, the kernel goes on to
   * accept, and clients would wait for an answer that never comes.
   */
  #onClose(): void {
    if (this.closed) return
    const isNew = this.#state === 'new'
    this.#state = 'closed'
    this.connections.releaseParked()
    this.connections.detach()
    if (!isNew) this.#handlers.onClose(this)
  }
}
