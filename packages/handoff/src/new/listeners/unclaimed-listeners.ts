// Stage ready, new side: closes the listeners that came and that no server here has claimed.

import type { Holdings } from '../../generation/holdings.ts'
import { placeOf } from '../../protocol/manifest.ts'
import type { HandoffEventBody } from '../../terms/events.ts'

interface UnclaimedListenersContext {
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
}

export class UnclaimedListeners {
  readonly #context: UnclaimedListenersContext
  readonly #keys: string[] = []

  constructor(context: UnclaimedListenersContext) {
    this.#context = context
  }

  /** The keys of the listeners that were closed. */
  get keys(): readonly string[] {
    return this.#keys
  }

  /** As {@link close}, after the commit: the old process may still hold them. */
  vacate(): void {
    const { holdings, report } = this.#context
    for (const entry of holdings.listeners.vacateUnclaimed()) {
      this.#keys.push(entry.key)
      const message = `${placeOf(entry)} is no longer listened on: its server was closed`
      report({ type: 'warning', message })
    }
  }

  /** Closes them: open, they would swallow clients without an answer. */
  close(): void {
    const { holdings, report } = this.#context
    for (const entry of holdings.closeUnclaimed()) {
      this.#keys.push(entry.key)
      const message = `${placeOf(entry)} is no longer listened on: nothing here asked for it`
      report({ type: 'warning', message })
    }
  }
}
