// From the commit on, new side: opens the gates, once the state of the old process is imported.

import type { Holdings } from '../generation/holdings.ts'
import type { UnclaimedListeners } from './listeners/unclaimed-listeners.ts'
import type { StateImports } from './state/state-imports.ts'

export interface OpeningContext {
  readonly holdings: Holdings
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
}

export class Opening {
  readonly #context: OpeningContext
  readonly #imports: StateImports
  readonly #unclaimed: UnclaimedListeners
  #begun = false
  #opened: Promise<void> = Promise.resolve()

  constructor(context: OpeningContext, imports: StateImports, unclaimed: UnclaimedListeners) {
    this.#context = context
    this.#imports = imports
    this.#unclaimed = unclaimed
  }

  /** Whether servers that listen from now on accept. */
  get begun(): boolean {
    return this.#begun
  }

  /** Resolves when the gates are open; rejects if one cannot be opened. */
  get opened(): Promise<void> {
    return this.#opened
  }

  begin(): void {
    this.#opened = this.#imports.after(() => this.#open())
  }

  /** Opens the gates, unless this process was stopped or replaced while it imported. */
  #open(): Promise<void> {
    const { holdings, takesConnections } = this.#context
    this.#begun = true
    // The application may have closed a server between our `ready` and the commit.
    this.#unclaimed.vacate()
    if (takesConnections()) return holdings.open()
    holdings.endListening(true)
    return new Promise(() => {}) // It ends.
  }
}
