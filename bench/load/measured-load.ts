// The load of the benchmarks: two processes of clients, so that one kind does not delay the other.

import { setTimeout as pause } from 'node:timers/promises'
import type { Recorded } from '../../test/support/load/recorder.ts'
import type { Report, WholeOptions } from '../../test/support/load/whole-load.ts'
import { WholeLoadClient } from '../../test/support/load/whole-load-client.ts'

export interface Clients {
  /** Connections that are kept; each rests 0 to 30 ms between two requests. */
  readonly kept: number
  /** New connections a second. */
  readonly arriving: number
  readonly webSockets: number
  readonly slow: number
  readonly downloads: number
  readonly uploads: number
}

/** The load of the promise. */
export const usualClients: Clients = {
  kept: 64,
  arriving: 200,
  webSockets: 16,
  slow: 4,
  downloads: 2,
  uploads: 2,
}

/** A client that gets no answer for so long has none. */
const DEADLINE_MS = 5_000

/** Both reports of a load. */
export interface Reports {
  readonly arriving: Report
  readonly kept: Report
}

export class MeasuredLoad {
  readonly #arriving: WholeLoadClient
  readonly #kept: WholeLoadClient

  private constructor(arriving: WholeLoadClient, kept: WholeLoadClient) {
    this.#arriving = arriving
    this.#kept = kept
  }

  /** Resolves when every connection is open and in use. */
  static async start(port: number, clients: Clients, seed: number): Promise<MeasuredLoad> {
    const { kept, arriving, webSockets, slow, downloads, uploads } = clients
    const none: Partial<WholeOptions> = {
      seed,
      kept: 0,
      resting: 0,
      webSockets: 0,
      arriving: 0,
      long: {},
      deadlineMs: DEADLINE_MS,
      reopens: true,
      records: true,
    }
    const [one, other] = await Promise.all([
      // Those without an answer may be under way until the deadline, all of them.
      WholeLoadClient.start(
        { port },
        { ...none, arriving, arrivingLimit: 2 * arriving * (DEADLINE_MS / 1000) },
      ),
      WholeLoadClient.start(
        { port },
        { ...none, kept, webSockets, long: { slow, download: downloads, upload: uploads } },
      ),
    ])
    return new MeasuredLoad(one, other)
  }

  /** Lets the load run for so long: the interval of a measurement. */
  run(ms: number): Promise<void> {
    return pause(ms)
  }

  /** Ends the clients, whatever they are doing. */
  async dispose(): Promise<void> {
    await Promise.all([this.#arriving.dispose(), this.#kept.dispose()])
  }

  /** Lets all that is under way end. */
  async stop(): Promise<Reports> {
    const [arriving, kept] = await Promise.all([this.#arriving.stop(), this.#kept.stop()])
    return { arriving, kept }
  }
}

/** One request that was answered. */
export interface Answered {
  readonly startedAt: number
  readonly ms: number
}

/** Returns the requests of a kind that were answered, such as those of `kept`. */
export function answeredOf(recorded: Recorded | undefined, route: string): Answered[] {
  if (recorded === undefined) return []
  const name = recorded.names.indexOf(`${route} ok`)
  return recorded.startedAt.flatMap((startedAt, index) =>
    recorded.name[index] === name ? [{ startedAt, ms: recorded.ms[index] ?? Number.NaN }] : [],
  )
}
