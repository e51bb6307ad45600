// Stage receive, new side: checks the descriptors of the manifest by the kernel's word.

import { closeAll } from '../../io/channel/wire.ts'
import type { Listeners } from '../../io/listeners/listeners.ts'
import { close, type DescriptorFacts, describe } from '../../io/native/descriptors.ts'
import { type ManifestEntry, rendezvousKey } from '../../protocol/manifest.ts'
import type { Messages } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'

export class ReceivedListeners {
  readonly #entries: readonly ManifestEntry[]
  readonly #listeners: Pick<Listeners, 'receive'>
  #rendezvous: { entry: ManifestEntry; fd: number } | undefined
  #received = 0

  constructor(manifest: Messages['manifest'], listeners: Pick<Listeners, 'receive'>) {
    this.#entries = manifest.listeners
    this.#listeners = listeners
    const keys = new Set(this.#entries.map((entry) => entry.key))
    if (keys.size !== this.#entries.length) throw mismatch('a key stands in the manifest twice')
    if (!keys.has(rendezvousKey)) throw mismatch('the manifest lacks the rendezvous socket')
  }

  get received(): number {
    return this.#received
  }

  get complete(): boolean {
    return this.#received === this.#entries.length
  }

  get hasRendezvous(): boolean {
    return this.#rendezvous !== undefined
  }

  /**
   * Takes one batch. Owns its descriptors: each goes to the listeners, or is closed.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH; earlier batches stay.
   */
  take({ first }: Messages['listeners'], descriptors: number[]): void {
    try {
      if (first !== this.#received || first + descriptors.length > this.#entries.length) {
        throw mismatch(`a batch of ${descriptors.length} begins at ${first}`)
      }
      if (descriptors.length === 0) throw mismatch('a batch is empty')
      descriptors.forEach((fd, index) => {
        check(this.#entries[first + index] as ManifestEntry, describe(fd))
      })
    } catch (error) {
      closeAll(descriptors)
      throw error
    }
    for (const fd of descriptors) {
      const entry = this.#entries[this.#received] as ManifestEntry
      this.#received += 1
      if (entry.key === rendezvousKey) this.#rendezvous = { entry, fd }
      else this.#listeners.receive(entry, fd)
    }
  }

  /** Returns the rendezvous socket, once. The caller owns its descriptor. */
  takeRendezvous(): { entry: ManifestEntry; fd: number } | undefined {
    const rendezvous = this.#rendezvous
    this.#rendezvous = undefined
    return rendezvous
  }

  /** Closes the rendezvous socket, unless it was taken. */
  close(): void {
    const rendezvous = this.takeRendezvous()
    if (rendezvous !== undefined) close(rendezvous.fd)
  }
}

/** Compares what the manifest says of a descriptor with what the kernel says. */
function check(entry: ManifestEntry, facts: DescriptorFacts): void {
  const isPath = entry.protocol === 'unix'
  const family = isPath ? 'unix' : entry.address.includes(':') ? 'inet6' : 'inet'
  const stream = entry.protocol !== 'udp'
  const agrees =
    facts.family === family &&
    facts.type === (stream ? 'stream' : 'dgram') &&
    facts.listening === stream &&
    (isPath
      ? facts.path === entry.address
      : facts.address === entry.address &&
        facts.port === entry.port &&
        facts.ipv6Only === entry.ipv6Only)
  if (!agrees) {
    const { family, type, listening, address, port, path } = facts
    const is = `${family} ${type} ${path || `${address}:${port}`}${listening ? ', listening' : ''}`
    throw mismatch(`the descriptor for ${entry.key} is ${is}`)
  }
}

function mismatch(reason: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
    `cannot receive the listeners: ${reason}`,
    { stage: 'receive' },
  )
}
