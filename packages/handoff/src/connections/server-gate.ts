// Opens and shuts a net.Server (http, https, http2 alike) without the server noticing, by public API.

import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import tls from 'node:tls'
import type { KindCounts } from '../fates.ts'
import { close, dup } from '../io/descriptors.ts'
import type { Held } from '../io/listeners.ts'
import { openPlaceholder } from '../io/placeholder.ts'
import { shadow } from '../io/shadow.ts'
import type { System } from '../io/system.ts'
import { addressOf } from './address.ts'
import type { Consents } from './consents.ts'
import type { Gate, GateHandlers } from './gate.ts'
import { JoinedGate } from './joined-gate.ts'
import type { ConnectionKind, Mover } from './mover.ts'
import { ServerConnections } from './server-connections.ts'

// The server's own methods may be shadowed, by us and by others.
const { close: stopAccepting } = net.Server.prototype
const listen: (this: Server, where: { fd: number }, backlog: number) => Server =
  net.Server.prototype.listen

/**
 * `waiting`: listens on a placeholder, until the commit; `moving`: between two descriptors.
 * In these and in `shut` the server's own events would tell of our doings, not of its life.
 */
type State = 'new' | 'waiting' | 'open' | 'moving' | 'shut' | 'closed'

export class ServerGate implements Gate {
  readonly #server: Server
  readonly #backlog: number
  readonly #handlers: GateHandlers
  readonly #connections: ServerConnections
  readonly #undo: (() => void)[] = []
  #held: Held | undefined
  #state: State = 'new'
  #settle: ((error?: Error) => void) | undefined
  #showEvents: (() => void) | undefined

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
    this.#undo.push(
      () => this.#connections.detach(),
      shadow(server, 'address', () => this.#address()),
      this.#watchClose(),
    )
  }

  /** Whether the application closed the server; then there is nothing to open any more. */
  get closed(): boolean {
    return this.#state === 'closed'
  }

  get #accepts(): boolean {
    return this.#state === 'open'
  }

  get held(): Held {
    if (this.#held === undefined) throw new TypeError('the gate has no listener yet')
    return this.#held
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
   * it, on a placeholder. Either way `listening` is emitted and `address()` tells the real place.
   */
  attach(held: Held, accept: boolean): Promise<void> {
    this.#held = held
    if (accept) return this.#listen(dup(held.fd), 'open')
    this.#hideEvents()
    return this.#listen(openPlaceholder(), 'waiting')
  }

  reattach(held: Held): void {
    this.#held = held
  }

  join(held: Held): Gate {
    return new JoinedGate(this.#server, this, held)
  }

  /** Leaves the server as it was: it could not listen. */
  detach(): void {
    this.#showEvents?.()
    for (const restore of this.#undo.splice(0)) restore()
  }

  async open(): Promise<void> {
    if (this.#state !== 'waiting' && this.#state !== 'shut') return
    this.#state = 'moving'
    stopAccepting.call(this.#server)
    // A server without connections emits `close` at the next tick: let it pass unheard first.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (this.#state !== 'moving') return
    await this.#listen(dup(this.held.fd), 'open')
    if (this.#accepts) this.#showEvents?.()
  }

  shut(): void {
    if (this.closed) return
    this.#state = 'shut'
    this.#hideEvents()
    // Not http.Server's close, which takes a response for finished once end() was called and cuts
    // what is still to be sent, and stops the check of header timeouts.
    stopAccepting.call(this.#server)
    this.#settle?.()
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

  #listen(fd: number, next: 'open' | 'waiting'): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        this.#server.off('listening', settle)
        this.#server.off('error', settle)
        this.#settle = undefined
        if (error === undefined) {
          // Shut or closed meanwhile: that stands, and libuv has closed the descriptor.
          if (this.#state === 'new' || this.#state === 'moving') this.#state = next
          resolve()
        } else {
          close(fd) // libuv takes the descriptor over only when it listens.
          reject(error)
        }
      }
      this.#settle = settle
      this.#server.once('listening', settle)
      this.#server.once('error', settle)
      try {
        listen.call(this.#server, { fd }, this.#backlog)
      } catch (error) {
        settle(error as Error)
      }
    })
  }

  /** Shadows emit while events are of our making; an open server runs Node's own. */
  #hideEvents(): void {
    if (this.#showEvents !== undefined) return
    const server = this.#server
    const emit = server.emit as (event: string | symbol, ...args: unknown[]) => boolean
    const undo = shadow(server, 'emit', (event: string | symbol, ...args: unknown[]) => {
      if (this.#state === 'moving' && (event === 'listening' || event === 'error')) {
        this.#settle?.(args[0] as Error | undefined)
        return true
      }
      // While connections are left or another process serves, the end has not come.
      if (event === 'close' && !this.closed) return true
      if (event === 'connection' && this.#state === 'waiting') {
        ;(args[0] as Socket).destroy()
        return true
      }
      return emit.call(server, event, ...args)
    })
    this.#showEvents = () => {
      undo()
      this.#showEvents = undefined
    }
  }

  /**
   * Our own descriptor keeps the kernel accepting after the server's is closed, and clients would
   * wait for an answer that never comes. So a close by the application must end both.
   */
  #watchClose(): () => void {
    const server = this.#server
    const undo = shadow(server, 'close', (callback?: (error?: Error) => void) => {
      const listens = server.listening
      this.#state = 'closed'
      this.#connections.leaveToServer()
      this.detach()
      this.#handlers.onClose(this)
      // Shut for another process; to the application its server was running all the same.
      if (!listens && callback !== undefined) server.once('close', () => callback())
      server.close(listens ? callback : undefined)
      // Closed between two ticks of a listen, it emits nothing more.
      this.#settle?.()
      return server
    })
    return undo
  }

  #address(): AddressInfo | string | null {
    if (!this.#server.listening && this.#state !== 'shut') return null
    return addressOf(this.held.entry)
  }
}
