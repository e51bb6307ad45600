// The supervisor as a service of systemd's: tells when it is ready, reloads and stops, and that it lives.

import { realSystem, type System } from '../../io/system/system.ts'
import { reloadingFields } from '../../notify/fields.ts'
import { Notifier } from '../../notify/notifier.ts'
import { Watchdog } from '../../notify/watchdog.ts'
import { watchdogMs } from '../../terms/options.ts'

/** Tells nobody anything where NOTIFY_SOCKET is not set: sd_notify(3). */
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

  /** What `systemctl status` shows. */
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

  /** The release before has told that a server serves, in this very process. */
  resumed(): void {
    this.#state = 'ready'
  }

  /** A server serves: the first one, or whoever does after a reload. */
  ready(): void {
    if (this.#state !== 'starting' && this.#state !== 'reloading') return
    this.#state = 'ready'
    this.#notifier.send({ fields: { READY: '1' } })
  }

  /** A new process starts, to take over. */
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
