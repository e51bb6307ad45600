// Reports to systemd that the supervisor is ready, reloads, stops, and lives.

import { realSystem, type System } from '../../io/system/system.ts'
import { reloadingFields } from '../../notify/fields.ts'
import { Notifier } from '../../notify/notifier.ts'
import { Watchdog } from '../../notify/watchdog.ts'
import { watchdogMs } from '../../terms/variables.ts'

/** Does nothing without NOTIFY_SOCKET. @see sd_notify(3) */
export class Service {
  readonly #system: System
  readonly #notifier: Notifier
  readonly #watchdog: Watchdog
  #state: 'starting' | 'ready' | 'reloading' | 'stopping' = 'starting'

  constructor(env: NodeJS.ProcessEnv, system: System = realSystem) {
    this.#system = system
    this.#notifier = new Notifier(system, env.NOTIFY_SOCKET)
    this.#watchdog = new Watchdog(system, this.#notifier, watchdogMs(env, system.pid))
    this.#watchdog.start()
  }

  /** Sets the text that `systemctl status` shows. */
  status(text: string): void {
    this.#notifier.send({ fields: { STATUS: text } })
  }

  /**
   * Asks for so many milliseconds to start.
   *
   * @see sd_notify(3), EXTEND_TIMEOUT_USEC
   */
  extend(ms: number): void {
    if (this.#state === 'starting') {
      this.#notifier.send({ fields: { EXTEND_TIMEOUT_USEC: String(Math.ceil(ms * 1000)) } })
    }
  }

  /** The release before has reported in this process that it is ready. */
  resumed(): void {
    this.#state = 'ready'
  }

  /** A server serves, for the first time or after a reload. */
  ready(): void {
    if (this.#state !== 'starting' && this.#state !== 'reloading') return
    this.#state = 'ready'
    this.#notifier.send({ fields: { READY: '1' } })
  }

  /** A reload begins. */
  reloading(): void {
    if (this.#state !== 'ready') return
    this.#state = 'reloading'
    this.#notifier.send({ fields: reloadingFields(this.#system) })
  }

  stopping(): void {
    if (this.#state === 'stopping') return
    this.#state = 'stopping'
    this.#notifier.send({ fields: { STOPPING: '1' } })
  }

  close(): void {
    this.#watchdog.stop()
  }
}
