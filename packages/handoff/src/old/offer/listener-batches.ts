// Stage send, old side: sends the manifest, then the listeners in acked batches.

import { descriptorLimit } from '../../protocol/codec.ts'
import type { ManifestEntry } from '../../protocol/manifest.ts'
import type { Messages } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import { HandoffError } from '../../terms/errors.ts'

/** One listener on offer. The descriptor stays this process's own. */
export interface Offered {
  entry: ManifestEntry
  fd: number
}

/**
 * How many batches may be in flight. An unprivileged user may have no
 * more than RLIMIT_NOFILE descriptors in flight (ETOOMANYREFS, unix(7)), and more gain nothing.
 */
const batchesInFlight = 2

export class ListenerBatches {
  readonly #peer: Peer<'old'>
  readonly #offered: readonly Offered[]
  readonly #onError: (error: Error) => void
  #sent = 0
  #acked = 0

  constructor(peer: Peer<'old'>, offered: readonly Offered[], onError: (error: Error) => void) {
    this.#peer = peer
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
    this.#peer.sendOrThrow({ type: 'manifest', ...head, listeners }).catch(this.#onError)
  }

  /** Sends the first batches. */
  sendListeners(): void {
    for (let batch = 0; batch < batchesInFlight; batch++) this.#sendBatch()
  }

  /**
   * Notes an ack and sends the next batch.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if the peer acks what was not sent.
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
    this.#peer
      .sendBatch(
        { type: 'listeners', first },
        batch.map(({ fd }) => fd),
      )
      .catch(this.#onError)
  }
}
