// Stage send, old side: the manifest, then the descriptors in acked batches.

import type { Wire } from '../io/channel/wire.ts'
import { descriptorLimit } from '../protocol/codec.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import type { Messages } from '../protocol/messages.ts'
import { HandoffError } from '../terms/errors.ts'

/** What is offered: an entry and the descriptor that stays ours. */
export interface Offered {
  entry: ManifestEntry
  fd: number
}

/**
 * Two batches may be on the way, of listeners or of connections: an unprivileged user may have no
 * more than RLIMIT_NOFILE descriptors in flight (ETOOMANYREFS, unix(7)), and nothing is won by more.
 */
export const batchesInFlight = 2

export class Sending {
  readonly #wire: Wire
  readonly #offered: readonly Offered[]
  readonly #onError: (error: Error) => void
  #sent = 0
  #acked = 0

  constructor(wire: Wire, offered: readonly Offered[], onError: (error: Error) => void) {
    this.#wire = wire
    this.#offered = offered
    this.#onError = onError
  }

  get keys(): string[] {
    return this.#offered.map(({ entry }) => entry.key)
  }

  /** Whether the peer has every descriptor. */
  get complete(): boolean {
    return this.#acked === this.#offered.length
  }

  sendManifest(head: Omit<Messages['manifest'], 'listeners'>): void {
    const listeners = this.#offered.map(({ entry }) => entry)
    this.#wire.send({ type: 'manifest', ...head, listeners }).catch(this.#onError)
  }

  /** The manifest has gone, and what else comes before the first descriptor. */
  sendListeners(): void {
    for (let batch = 0; batch < batchesInFlight; batch++) this.#sendBatch()
  }

  /**
   * Notes an ack and sends the next batch.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when it acks what was not sent.
   */
  ack({ received }: Messages['ack']): void {
    if (received <= this.#acked || received > this.#sent) {
      throw new HandoffError(
        'ERR_HANDOFF_PROTOCOL',
        `cannot send the listeners: the peer acks ${received} of ${this.#sent} sent`,
        { stage: 'send', serving: 'old' },
      )
    }
    this.#acked = received
    this.#sendBatch()
  }

  #sendBatch(): void {
    const batch = this.#offered.slice(this.#sent, this.#sent + descriptorLimit)
    if (batch.length === 0) return
    const first = this.#sent
    this.#sent += batch.length
    this.#wire
      .send(
        { type: 'listeners', first },
        batch.map(({ fd }) => fd),
      )
      .catch(this.#onError)
  }
}
