// Notifies the watchdog of systemd as long as the event loop runs.

import type { System, Timer } from '../io/system/system.ts'
import type { Notifier } from './notifier.ts'

/**
 * Sends WATCHDOG=1 at half of the timeout of the service manager, as sd_watchdog_enabled(3) requires. Only
 * the process that serves does so.
 */
export class Watchdog {
  readonly #system: Pick<System, 'timer'>
  readonly #notifier: Notifier
  readonly #intervalMs: number | undefined
  #timer: Timer | undefined

  /** @param timeoutMs - WATCHDOG_USEC, in milliseconds; undefined without a watchdog. */
  constructor(system: Pick<System, 'timer'>, notifier: Notifier, timeoutMs: number | undefined) {
    this.#system = system
    this.#notifier = notifier
    this.#intervalMs = timeoutMs === undefined ? undefined : timeoutMs / 2
  }

  start(): void {
    const intervalMs = this.#intervalMs
    if (intervalMs === undefined) return
    this.stop()
    const tick = () => {
      this.#notifier.send({ fields: { WATCHDOG: '1' } })
      this.#timer = this.#system.timer(intervalMs, tick, true)
    }
    tick()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
