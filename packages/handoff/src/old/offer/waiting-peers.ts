// Stage offer, old side: peers that connected while another one was first, until they send hello.

import type { MessageOf } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import type { HandoffError } from '../../terms/errors.ts'

/** How long a peer that connected may take to send hello, in milliseconds: it has nothing else to do. */
export const helloTimeoutMs = 5_000

/** How many peers may wait. A new process sends hello as it connects, so of more the oldest is a stray. */
const limit = 16

export interface WaitingPeersHandlers {
  /** Returns why this peer may not take over, by the kernel's word; throws if the kernel has none. */
  denial(peer: Peer<'old'>): HandoffError | undefined
  /** Whether a peer that sends hello may take over now. */
  isFree(): boolean
  /** Returns why no peer may take over now. */
  busyError(): HandoffError
  /** A peer has sent hello, and may take over. Owns the peer: start it with handlers of your own. */
  onHello(peer: Peer<'old'>, hello: MessageOf<'hello'>): void
}

/**
 * Lets peers wait until they send hello. A stray process that connects and is silent would otherwise
 * keep the real new process out.
 *
 * @remarks A peer that leaves, is late or breaks the protocol here is not reported: no handoff has begun
 * with it.
 */
export class WaitingPeers {
  readonly #handlers: WaitingPeersHandlers
  readonly #peers = new Set<Peer<'old'>>()

  constructor(handlers: WaitingPeersHandlers) {
    this.#handlers = handlers
  }

  /** Owns the peer. */
  add(peer: Peer<'old'>): void {
    const denial = this.#denial(peer)
    if (denial !== undefined) return refuse(peer, denial)
    const [oldest] = this.#peers
    if (this.#peers.size >= limit && oldest !== undefined) {
      this.#peers.delete(oldest)
      refuse(oldest, this.#handlers.busyError())
    }
    this.#peers.add(peer)
    peer.setDeadline(helloTimeoutMs, () => this.#close(peer))
    peer.start({
      takes: ({ type }) => type === 'hello',
      onMessage: (message) => {
        if (message.type === 'hello') this.#receiveHello(peer, message)
      },
      onOutOfTurn: () => this.#close(peer),
      onEnd: () => this.#close(peer),
    })
  }

  #denial(peer: Peer<'old'>): HandoffError | undefined {
    try {
      return this.#handlers.denial(peer)
    } catch {
      return undefined // It has gone already; the end of its channel shows it.
    }
  }

  #receiveHello(peer: Peer<'old'>, hello: MessageOf<'hello'>): void {
    const { isFree, busyError, onHello } = this.#handlers
    this.#peers.delete(peer)
    peer.clearDeadline()
    if (isFree()) onHello(peer, hello)
    else refuse(peer, busyError())
  }

  #close(peer: Peer<'old'>): void {
    this.#peers.delete(peer)
    peer.closeOnceSent()
  }
}

/** Refuses a peer and closes it. */
export function refuse(peer: Peer<'old'>, error: HandoffError): void {
  peer.refuse(error)
  peer.closeOnceSent()
}
