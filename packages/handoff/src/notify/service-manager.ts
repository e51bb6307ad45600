// What this process says, beside its events, to whoever started it: the supervisor or systemd.

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
   * This process is the one that serves.
   *
   * @param unclaimed - keys of listeners that came to it, and that nothing here uses.
   */
  begin(unclaimed: readonly string[] = []): void {
    this.#stored.begin(unclaimed)
    this.#watchdog.start()
  }

  /** Listeners may have come or gone. */
  follow(): void {
    this.#stored.follow()
  }

  /** Waits, where need be, until nobody but this process keeps its addresses. */
  settled(): Promise<void> | undefined {
    return this.#stored.settled()
  }

  /** The successor has committed: it speaks for the service now. */
  succeeded(): void {
    // What it does not use has just been closed here.
    this.#stored.follow()
    this.#stored.end()
    this.#watchdog.stop()
  }

  /** This process stops: what is stored is for the one that may be started after it. */
  stopping(): void {
    this.#stored.end()
  }

  /**
   * Tells of a reload, from its begin to READY=1: that of the new process, or, when the reload
   * fails, of this one.
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
