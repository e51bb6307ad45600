// Load without retry, on a server that is being replaced.

import { until } from '../until.ts'
import { rest } from './rest.ts'
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

export interface LoadOptions {
  /** Where the outcomes are counted; without it in a tally of this load's own. */
  tally?: Tally
  /**
   * How long a client rests between two requests, in milliseconds, as a mean of random times.
   *
   * @defaultValue 25: the 16 clients of the default mix make about 500 connections a second and leave
   * most of two cores to the processes under test.
   */
  restMs?: number
}

/** The clients take all the processor time that they can get. */
export const withoutPause: LoadOptions = { restMs: 0 }

/**
 * Runs clients against a server until it is stopped.
 *
 * @remarks Each client makes its next request a moment after the last one has ended, whatever became of it.
 */
export class Load {
  readonly tally: Tally
  readonly #clients: Promise<void>[]
  readonly #restMs: number
  #stopping = false

  constructor(
    target: Target,
    mix: Mix = { newConnection: 16 },
    { tally = new Tally(), restMs = 25 }: LoadOptions = {},
  ) {
    this.tally = tally
    this.#restMs = restMs
    this.#clients = Object.entries(mix).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => this.#client(kind as keyof typeof traffic, target)),
    )
  }

  /** Resolves when so many more requests have ended: the load is on, or the server has gone on. */
  async more(requests: number): Promise<void> {
    const enough = this.tally.requests + requests
    await until(`${requests} more requests`, () => this.tally.requests >= enough)
  }

  /** Resolves when so many processes have answered: a handoff that follows at once may leave one unasked. */
  async answeredBy(processes: number): Promise<void> {
    const name = `answers of ${processes} processes`
    await until(name, () => this.tally.pids.size >= processes)
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
      if (!this.#stopping) await rest(this.#restMs)
      if (this.#stopping) return
    }
  }
}
