// Stage ready, new side: listeners that came and that nobody has asked for.

import type { Holdings } from '../generation/holdings.ts'
import { placeOf } from '../protocol/manifest.ts'
import type { HandoffEventBody } from '../terms/events.ts'

interface UnclaimedContext {
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
}

export class Unclaimed {
  readonly #context: UnclaimedContext
  readonly #keys: string[] = []

  constructor(context: UnclaimedContext) {
    this.#context = context
  }

  /** Of those that were closed. */
  get keys(): readonly string[] {
    return this.#keys
  }

  /** The same after the commit: the old process may still hold them. */
  vacate(): void {
    const { holdings, report } = this.#context
    for (const entry of holdings.listeners.vacateUnclaimed()) {
      this.#keys.push(entry.key)
      const message = `${placeOf(entry)} is no longer listened on: its server was closed`
      report({ type: 'warning', message })
    }
  }

  /** Open, they would swallow clients without an answer. */
  close(): void {
    const { holdings, report } = this.#context
    for (const entry of holdings.closeUnclaimed()) {
      this.#keys.push(entry.key)
      const message = `${placeOf(entry)} is no longer listened on: nothing here asked for it`
      report({ type: 'warning', message })
    }
  }
}
