// What whoever started this process keeps in case it dies: dups of the listeners that it serves on.

import type { HeldListener } from '../io/listeners/held-listener.ts'
import type { Listeners } from '../io/listeners/listeners.ts'
import { storeNameOf } from '../protocol/store-names.ts'
import type { Notifier } from './notifier.ts'

/**
 * Sends dups of the listeners to the supervisor, or to systemd, as that has its descriptor store
 * (sd_pid_notify_with_fds(3), FDSTORE=1): no connection is refused while a dead server is replaced.
 *
 * @remarks Only the process that serves tells. What is stored is open, so what nobody accepts from
 * must go from the store as well: it would swallow clients.
 */
export class StoredListeners {
  readonly #listeners: Listeners
  readonly #notifier: Notifier
  readonly #stored = new Set<HeldListener>()
  #serves = false
  /** Whether the store may still have, and keep open, what this process has closed. */
  #removing = false

  constructor(listeners: Listeners, notifier: Notifier) {
    this.#listeners = listeners
    this.#notifier = notifier
  }

  /**
   * This process serves: from here on the store follows it.
   *
   * @param unclaimed - keys of listeners that an older process had, and that nothing here uses.
   */
  begin(unclaimed: readonly string[] = []): void {
    this.#serves = true
    this.#stored.clear()
    const held = this.#listeners.all()
    const keys = new Set(held.map(({ entry }) => entry.key))
    const renamed = held.map(({ receivedAs }) => receivedAs).filter((key) => key !== undefined)
    for (const key of [...unclaimed, ...renamed]) if (!keys.has(key)) this.#remove(key)
    this.follow()
  }

  /** Listeners may have come or gone. */
  follow(): void {
    if (!this.#serves) return
    for (const held of this.#stored) {
      if (this.#listeners.holds(held)) continue
      this.#stored.delete(held)
      this.#remove(held.entry.key)
    }
    for (const held of this.#listeners.all()) {
      if (!this.#stored.has(held)) this.#store(held)
    }
  }

  /**
   * Waits until what was taken away is closed in the store as well: only then its address is free.
   *
   * @returns undefined where nothing is to be waited for.
   */
  settled(): Promise<void> | undefined {
    if (!this.#removing) return undefined
    this.#removing = false
    return this.#notifier.barrier()
  }

  /** Another process serves, or this one stops in order: what is stored is not its business now. */
  end(): void {
    this.#serves = false
  }

  #store(held: HeldListener): void {
    this.#stored.add(held)
    this.#notifier.send({
      fields: { FDSTORE: '1', FDNAME: storeNameOf(held.entry.key) },
      // It may wait for room, and be closed meanwhile; its number may then be another file's.
      descriptor: () => (this.#listeners.holds(held) ? held.fd : undefined),
    })
  }

  #remove(key: string): void {
    this.#removing = true
    this.#notifier.send({ fields: { FDSTOREREMOVE: '1', FDNAME: storeNameOf(key) } })
  }
}
