// Reports to the supervisor or systemd beside events: listeners to keep, reloads, the watchdog.

import type { Listeners } from '../io/listeners/listeners.ts'
import type { System } from '../io/system/system.ts'
import { reasonOf } from '../terms/errors.ts'
import { reloadingFields, servesOnFields } from './fields.ts'
import type { Notifier } from './notifier.ts'
import { StoredListeners } from './stored-listeners.ts'
import { Watchdog } from './watchdog.ts'

export interface ServiceManagerContext {
  readonly system: System
  readonly notifier: Notifier
  readonly listeners: Listeners
  readonly watchdogMs: number | undefined
  /** The generation of this process while it serves, and is in no handoff. */
  serves(): number | undefined
}

export class ServiceManager {
  readonly #context: ServiceManagerContext
  readonly #stored: StoredListeners
  readonly #watchdog: Watchdog
  #reloads = false

  constructor(context: ServiceManagerContext) {
    const { system, notifier, listeners, watchdogMs } = context
    this.#context = context
    this.#stored = new StoredListeners(listeners, notifier)
    this.#watchdog = new Watchdog(system, notifier, watchdogMs)
  }

  /**
   * This process serves.
   *
   * @param unclaimed - keys of listeners that it received and does not use.
   */
  begin(unclaimed: readonly string[] = []): void {
    this.#stored.begin(unclaimed)
    this.#watchdog.start()
  }

  /** Stores new listeners, and removes closed ones from the store. */
  follow(): void {
    this.#stored.update()
  }

  /** Resolves when no other process keeps the addresses of closed listeners; undefined if none does. */
  settled(): Promise<void> | undefined {
    return this.#stored.whenRemoved()
  }

  /** The new process serves, and reports from now on. */
  succeeded(): void {
    // Listeners that it does not use have just been closed here.
    this.#stored.update()
    this.#stored.end()
    this.#watchdog.stop()
  }

  /** This process stops. Stored listeners are for the next process. */
  stopping(): void {
    this.#stored.end()
  }

  /**
   * Reports a reload. It ends with READY=1 of the new process or, if the reload fails, of this one.
   */
  reload(restart: () => Promise<void>): Promise<void> {
    if (this.#reloads) return restart()
    const { system, notifier, serves } = this.#context
    this.#reloads = true
    notifier.send({ fields: reloadingFields(system) })
    return restart()
      .catch((error: unknown) => {
        const generation = serves()
        if (generation !== undefined) {
          notifier.send({ fields: servesOnFields(generation, reasonOf(error)) })
        }
        throw error
      })
      .finally(() => {
        this.#reloads = false
      })
  }
}
