// Runs the client in C that keeps connections busy, and opens new ones beside them.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Resources } from '../core/resources.ts'
import { compile } from './ask.ts'

interface Latencies {
  count: number
  /** Milliseconds, also of connections that had no answer at the end. */
  p50: number
  p99: number
  max: number
}

export interface KeptAndNew {
  new: Latencies
  kept: Latencies
  /** Requests that were answered, warm-up and round. */
  requestsInAll: number
  /** New connections that were not begun, since 500 others had no answer. */
  heldBack: number
  failed: number
  /** How long the round took. */
  ms: number
  /** Share of one core that the client took. */
  busy: number
}

export interface KeptAndNewRound {
  port: number
  /** Kept connections. */
  kept: number
  /** The longest rest between two requests of a kept connection; 0: it asks again immediately. */
  restMs: number
  newPerSecond: number
  warmUpMs: number
  ms: number
}

/** Compiles the client, by `CC` or `cc`. */
export function compileKeptAndNew(
  resources: Resources,
): (round: KeptAndNewRound) => Promise<KeptAndNew> {
  const file = compile('kept-and-new.c', resources, import.meta.url)
  return async ({ port, kept, restMs, newPerSecond, warmUpMs, ms }) => {
    const args = [port, kept, restMs, newPerSecond, warmUpMs, ms].map(String)
    return JSON.parse((await promisify(execFile)(file, args)).stdout)
  }
}
