// Keeps systemd's watchdog quiet for as long as the event loop turns.

import type { System, Timer } from '../io/system/system.ts'
import type { Notifier } from './notifier.ts'

/**
 * Sends WATCHDOG=1 twice in the time that the service manager waits for it, as sd_watchdog_enabled(3)
 * asks for. One process of a line does: the one that serves.
 */
export class Watchdog {
  readonly #system: Pick<System, 'timer'>
  readonly #notifier: Notifier
  readonly #intervalMs: number | undefined
  #timer: Timer | undefined

  /** @param timeoutMs - WATCHDOG_USEC, in milliseconds; undefined where nobody waits. */
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
