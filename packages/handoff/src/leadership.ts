// Which process of a line may do what only one may do.

import { deferred } from './deferred.ts'
import type { Line } from './line.ts'
import type { Birth } from './new/birth.ts'
import { beforeCommit } from './old/stage-of.ts'
import type { Succession } from './old/succession.ts'

/** What it takes to tell. */
export interface LeadershipContext {
  /** The number among the workers of a run, each with a line of its own. */
  readonly worker: number
  readonly line: Pick<Line, 'older' | 'told'>
  readonly birth: Pick<Birth, 'served' | 'oldMayLive'>
  readonly succession: Pick<Succession, 'state'>
}

export class Leadership {
  readonly #context: LeadershipContext
  readonly #leads = deferred<void>()
  #closed = false

  constructor(context: LeadershipContext) {
    this.#context = context
  }

  /** Resolves when this process leads: it serves, and no older generation lives. */
  get promise(): Promise<void> {
    return this.#leads.promise
  }

  /** Something of it may have changed. */
  check(): void {
    const { worker, line, birth, succession } = this.#context
    // One line leads, that of the worker which there always is.
    if (worker > 1) return
    if (this.#closed || !birth.served || !beforeCommit.has(succession.state)) return
    if (line.older.length > 0 || (birth.oldMayLive && !line.told)) return
    this.#leads.resolve()
  }

  /** The application closes: who does not lead by now never will. */
  close(): void {
    this.#closed = true
  }
}
