// Closes WebSockets one by one, so that their clients do not all connect again at the same time.

import type { System, Timer } from '../../io/system/system.ts'
import type { WebSocketConnection } from './connection.ts'

/** Calls back at a random moment between two, both in milliseconds since the close began. */
export type AtRandom = (fromMs: number, toMs: number, callback: () => void) => void

/** Decides when a connection is closed. Called as soon as the connection is known. */
export type Plan = (connection: WebSocketConnection, atRandom: AtRandom) => void

export class GradualClose {
  readonly #system: System
  readonly #plan: Plan
  readonly #timers = new Map<WebSocketConnection, Timer>()
  readonly #startedAt: number

  constructor(system: System, plan: Plan) {
    this.#system = system
    this.#plan = plan
    this.#startedAt = system.now()
  }

  /** Plans the close of a connection. One that comes late has what is left of the time. */
  add(connection: WebSocketConnection): void {
    this.#plan(connection, (fromMs, toMs, callback) => {
      const from = Math.max(fromMs, this.#system.now() - this.#startedAt)
      const at = this.#startedAt + from + Math.random() * Math.max(0, toMs - from)
      const ms = at - this.#system.now()
      this.#timers.get(connection)?.cancel()
      this.#timers.set(connection, this.#system.timer(ms, callback, true))
    })
  }

  /** The connection has closed by itself. */
  remove(connection: WebSocketConnection): void {
    this.#timers.get(connection)?.cancel()
    this.#timers.delete(connection)
  }

  /** Leaves open what is not closed yet. */
  cancel(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
