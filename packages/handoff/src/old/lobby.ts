// Stage offer, old side: connections that have not said hello while another one was first.

import type { Message } from '../protocol/messages.ts'
import type { HandoffError } from '../terms/errors.ts'
import type { Peer } from './peer.ts'

/** How long a peer that connected may take to say hello, in milliseconds: it has nothing else to do. */
export const helloTimeoutMs = 5_000

/** How many may wait. A new process says hello as it connects, so of more the oldest is a stray. */
const limit = 16

export interface LobbyHandlers {
  /** Returns why this peer may not take over, by the kernel's word; throws if the kernel has none. */
  deny(peer: Peer): HandoffError | undefined
  /** Whether a peer that says hello may take over now. */
  isFree(): boolean
  /** Returns why a peer may not, if another one may. */
  busy(): HandoffError
  /** A peer has said hello, and may take over. Owns the peer; its messages go to {@link Lobby.follow}'s listener. */
  onHello(peer: Peer, hello: Extract<Message, { type: 'hello' }>): void
}

/**
 * Lets peers wait until they say hello. A stray process that connects and is silent would otherwise
 * keep the real new process out.
 *
 * @remarks Nothing is reported of a peer that leaves, is late or breaks the protocol here: no handoff
 * has begun with it.
 */
export class Lobby {
  readonly #handlers: LobbyHandlers
  readonly #waiting = new Set<Peer>()

  constructor(handlers: LobbyHandlers) {
    this.#handlers = handlers
  }

  /** How many peers wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Owns the peer. Its messages are read here until it says hello, and then by `listener`. */
  enter(peer: Peer, listener: { onMessage(message: Message): void; onEnd(error?: Error): void }) {
    const denied = this.#denied(peer)
    if (denied !== undefined) return refuse(peer, denied)
    const [oldest] = this.#waiting
    if (this.size >= limit && oldest !== undefined) {
      this.#waiting.delete(oldest)
      refuse(oldest, this.#handlers.busy())
    }
    this.#waiting.add(peer)
    peer.setDeadline(helloTimeoutMs, () => this.#leave(peer))
    peer.start({
      onMessage: (message) => {
        if (this.#waiting.has(peer)) this.#hear(peer, message)
        else listener.onMessage(message)
      },
      onEnd: (error) => {
        if (this.#waiting.has(peer)) this.#leave(peer)
        else listener.onEnd(error)
      },
    })
  }

  #denied(peer: Peer): HandoffError | undefined {
    try {
      return this.#handlers.deny(peer)
    } catch {
      return undefined // It has gone already; the end of its channel shows it.
    }
  }

  #hear(peer: Peer, message: Message): void {
    if (message.type !== 'hello') return this.#leave(peer)
    const { isFree, busy, onHello } = this.#handlers
    this.#waiting.delete(peer)
    peer.clearDeadline()
    if (isFree()) onHello(peer, message)
    else refuse(peer, busy())
  }

  #leave(peer: Peer): void {
    this.#waiting.delete(peer)
    peer.close()
  }
}

function refuse(peer: Peer, error: HandoffError): void {
  peer.refuse(error)
  peer.close()
}
