// Load without pause and without retry, on a server that is being replaced.

import { until } from '../until.ts'
import type { Target } from './send.ts'
import { Tally } from './tally.ts'
import { traffic } from './traffic.ts'

/** How many clients of each kind run at a time. */
export type Mix = Partial<Record<keyof typeof traffic, number>>

/** Everything that must survive a handoff, at once. */
export const everything: Mix = {
  newConnection: 12,
  closedByClient: 4,
  keepAlive: 2,
  slow: 4,
  download: 2,
  upload: 2,
  slowReader: 1,
}

/**
 * Runs clients against a server until it is stopped.
 *
 * @remarks Each client makes its next request as soon as the last one has ended, whatever became of it.
 */
export class Load {
  readonly tally: Tally
  readonly #clients: Promise<void>[]
  #stopping = false

  constructor(target: Target, mix: Mix = { newConnection: 16 }, tally = new Tally()) {
    this.tally = tally
    this.#clients = Object.entries(mix).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => this.#client(kind as keyof typeof traffic, target)),
    )
  }

  /** Resolves when so many more requests have ended: the load is on, or the server has gone on. */
  async more(requests: number): Promise<void> {
    const enough = this.tally.requests + requests
    await until(`${requests} more requests`, () => this.tally.requests >= enough)
  }

  /** Begins no new request, lets those in flight end, and gives the tally. */
  async stop(): Promise<Tally> {
    this.#stopping = true
    await Promise.all(this.#clients)
    return this.tally
  }

  async #client(kind: keyof typeof traffic, target: Target): Promise<void> {
    for await (const outcome of traffic[kind](target)) {
      this.tally.add(kind, outcome)
      if (this.#stopping) return
    }
  }
}
