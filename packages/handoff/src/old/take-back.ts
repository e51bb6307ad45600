// Between commit and exit, old side: what it takes to accept again if the new process dies.

import type { Gate } from '../connections/gate.ts'
import { reasonOf } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import { placeOf } from '../protocol/manifest.ts'

export class TakeBack {
  readonly #holdings: Holdings
  readonly #settled: () => Promise<void> | undefined
  readonly #dropped = new Set<Gate>()

  /** @param settled - waits, where need be, until an address that was given up here is free. */
  constructor(holdings: Holdings, settled: () => Promise<void> | undefined) {
    this.#holdings = holdings
    this.#settled = settled
  }

  /**
   * Closes the listeners that the new process does not use: kept, they would swallow clients.
   * Datagram sockets stay, since they cannot be bound again.
   */
  drop(claimed: ReadonlySet<string>): void {
    for (const gate of this.#holdings.gates) {
      const { held } = gate
      if (claimed.has(held.entry.key) || held.entry.protocol === 'udp') continue
      this.#dropped.add(gate)
      this.#holdings.drop(held, { unlink: true })
    }
  }

  /**
   * Binds again what was dropped and opens every gate.
   *
   * @returns what could not be brought back, as sentences.
   */
  async run(): Promise<string[]> {
    const failures: string[] = []
    const settled = this.#dropped.size > 0 ? this.#settled() : undefined
    await Promise.all(
      [...this.#holdings.gates].map(async (gate) => {
        try {
          if (this.#dropped.delete(gate)) {
            await settled
            gate.reattach(this.#holdings.listeners.restore(gate.held))
          }
          await gate.open()
        } catch (error) {
          failures.push(`${placeOf(gate.held.entry)} could not be taken back: ${reasonOf(error)}`)
        }
      }),
    )
    return failures
  }
}
