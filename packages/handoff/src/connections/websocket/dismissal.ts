// WebSockets are told to connect again one by one, so that their clients do not all come back at once.

import type { System, Timer } from '../../io/system/system.ts'
import type { WebSocketConnection } from './connection.ts'

/** Calls back at a random moment between two, both in milliseconds since the dismissal began. */
export type AtRandom = (fromMs: number, toMs: number, callback: () => void) => void

/** Says when a connection is to be told, as soon as it is known. */
export type Plan = (connection: WebSocketConnection, atRandom: AtRandom) => void

export class Dismissal {
  readonly #system: System
  readonly #plan: Plan
  readonly #timers = new Map<WebSocketConnection, Timer>()
  readonly #began: number

  constructor(system: System, plan: Plan) {
    this.#system = system
    this.#plan = plan
    this.#began = system.now()
  }

  /** Of a moment that is over the connection hears at once. */
  add(connection: WebSocketConnection): void {
    this.#plan(connection, (fromMs, toMs, callback) => {
      const at = this.#began + fromMs + Math.random() * (toMs - fromMs)
      const ms = Math.max(0, at - this.#system.now())
      this.#timers.get(connection)?.cancel()
      this.#timers.set(connection, this.#system.timer(ms, callback, true))
    })
  }

  /** It has closed. */
  remove(connection: WebSocketConnection): void {
    this.#timers.get(connection)?.cancel()
    this.#timers.delete(connection)
  }

  /** Whoever was not told yet stays. */
  cancel(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
