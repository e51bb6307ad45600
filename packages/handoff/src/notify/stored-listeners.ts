// Sends dups of the listeners to the supervisor or systemd, which keep them in case this process dies.

import type { HeldListener } from '../io/listeners/held-listener.ts'
import type { Listeners } from '../io/listeners/listeners.ts'
import { storeNameOf } from '../protocol/store-names.ts'
import type { Notifier } from './notifier.ts'

/**
 * The descriptor store of systemd (sd_pid_notify_with_fds(3), FDSTORE=1), which the supervisor has, too. No
 * connection is refused while a dead server is replaced.
 *
 * @remarks Only the process that serves sends listeners. A stored listener is open: if no process accepts
 * from it, it must be removed from the store, or its clients wait for ever.
 */
export class StoredListeners {
  readonly #listeners: Listeners
  readonly #notifier: Notifier
  readonly #stored = new Set<HeldListener>()
  #serves = false
  /** Whether the store may still keep listeners open that this process has closed. */
  #removing = false

  constructor(listeners: Listeners, notifier: Notifier) {
    this.#listeners = listeners
    this.#notifier = notifier
  }

  /**
   * This process serves: from here on its listeners are stored.
   *
   * @param unclaimed - keys of listeners of the old process that this one does not use.
   */
  begin(unclaimed: readonly string[] = []): void {
    this.#serves = true
    this.#stored.clear()
    const held = this.#listeners.all()
    const keys = new Set(held.map(({ entry }) => entry.key))
    const renamed = held.map(({ receivedAs }) => receivedAs).filter((key) => key !== undefined)
    for (const key of [...unclaimed, ...renamed]) if (!keys.has(key)) this.#remove(key)
    this.update()
  }

  /** Stores new listeners, and removes closed ones from the store. */
  update(): void {
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
   * Resolves when the listeners that were removed are closed in the store, too: then their addresses are free.
   *
   * @returns undefined if no removal is under way.
   */
  whenRemoved(): Promise<void> | undefined {
    if (!this.#removing) return undefined
    this.#removing = false
    return this.#notifier.barrier()
  }

  /** Another process serves, or this one stops gracefully: the store belongs to another process now. */
  end(): void {
    this.#serves = false
  }

  #store(held: HeldListener): void {
    this.#stored.add(held)
    this.#notifier.send({
      fields: { FDSTORE: '1', FDNAME: storeNameOf(held.entry.key) },
      // It may wait for room and be closed meanwhile. Then its number may belong to another file.
      descriptor: () => (this.#listeners.holds(held) ? held.fd : undefined),
    })
  }

  #remove(key: string): void {
    this.#removing = true
    this.#notifier.send({ fields: { FDSTOREREMOVE: '1', FDNAME: storeNameOf(key) } })
  }
}
