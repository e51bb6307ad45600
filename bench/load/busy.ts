// Busy connections, and how long each of their requests took by the time of its start.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Resources } from '../core/resources.ts'
import { largest, percentile } from '../core/statistics.ts'
import { compile } from './ask.ts'

/** In milliseconds; NaN without requests. */
export interface BusyWaits {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Busy {
  /**
   * Ends the clients.
   *
   * @returns a function that returns the waits of the requests within a span of time, by `performance.now()`.
   * @throws Error if a connection was closed.
   */
  stop(): Promise<(from: number, to: number) => BusyWaits>
}

/** No run is longer. */
const LONGEST_MS = 120_000

/** Compiles the client, by `CC` or `cc`. Each connection asks again after a rest of 0 to `restMs`. */
export function compileBusy(
  resources: Resources,
): (port: number, connections: number, restMs: number) => Busy {
  const program = compile('kept-and-new.c', resources, import.meta.url)
  return (port, connections, restMs) => {
    const file = join(resources.directory(), 'replies')
    const args = [port, connections, restMs, 0, 0, LONGEST_MS, file].map(String)
    const child = resources.spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = once(child, 'exit')
    return {
      async stop() {
        child.kill('SIGTERM')
        const [code] = await ended
        if (code !== 0) throw new Error('a busy connection was closed.')
        return waitsIn(readFileSync(file))
      },
    }
  }
}

/** @param replies - start and duration of each request, in milliseconds of the system's monotonic clock. */
function waitsIn(replies: Buffer): (from: number, to: number) => BusyWaits {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  const requests = Array.from({ length: replies.length / 16 }, (_, index) => {
    const from = replies.readDoubleLE(16 * index) - offset
    return { from, ms: replies.readDoubleLE(16 * index + 8) }
  })
  return (from, to) => {
    const waits = requests
      .filter((request) => request.from + request.ms >= from && request.from <= to)
      .map(({ ms }) => ms)
    return { p50: percentile(waits, 50), p99: percentile(waits, 99), max: largest(waits) }
  }
}
