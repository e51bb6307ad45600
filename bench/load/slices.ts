// The client in C that asks several servers in turn, for a short slice of time each.

import { once } from 'node:events'
import { Output } from '../../test/support/output.ts'
import { DEADLINE_MS } from '../../test/support/until.ts'
import type { Resources } from '../core/resources.ts'
import { type Connections, compile } from './ask.ts'

export interface Target {
  readonly port: number
  readonly pid: number
}

/** How the servers are asked. */
export interface SlicesOptions {
  readonly kind: Connections
  readonly isSecure: boolean
  /** To each server, at a time. */
  readonly connections: number
}

/** What one server did in its slice of a round. */
export interface Slice {
  readonly perSecond: number
  /** Processor time of the server for a request, all its threads. NaN where the system has no clock for it. */
  readonly cpuMicros: number
}

/** A client with connections to several servers. */
export interface Slices {
  /** Asks all servers in turn, for so many milliseconds each. Returns a slice of each server for each round. */
  ask(rounds: number, ms: number): Promise<Slice[][]>
  close(): Promise<void>
}

/**
 * Compiles the client, by `CC` or `cc`. Returns a function that opens connections to servers.
 *
 * @remarks On Linux with two cores or more, all servers are put on the last core and the client on the first one:
 * a server that moves to another core finds no caches there.
 */
export function compileSlices(
  resources: Resources,
): (targets: readonly Target[], options: SlicesOptions) => Promise<Slices> {
  const file = compile('slices.c', resources, import.meta.url, ['-ldl'])
  return async (targets, { kind, isSecure, connections }) => {
    const places = targets.map(({ port, pid }) => `${port}:${pid}`)
    const args = [isSecure ? 'tls' : 'plain', kind, `${connections}`, '1', ...places]
    const child = resources.spawn(file, args, { stdio: 'pipe' })
    const closed = once(child, 'close')
    const output = new Output()
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) output.collect(stream)
    child.on('close', () => output.end())
    await output.waitFor(/^ready/)
    return {
      async ask(rounds, ms) {
        const from = output.lines.length
        child.stdin?.write(`${rounds} ${ms}\n`)
        const deadlineMs = DEADLINE_MS + rounds * targets.length * ms * 4
        for (let line = from; line < from + rounds; line++)
          await output.waitFor(/^\[/, { from: line, deadlineMs })
        return output.lines.slice(from, from + rounds).map((line) => JSON.parse(line).map(sliceOf))
      },
      async close() {
        child.stdin?.end()
        await closed
      },
    }
  }
}

function sliceOf([requests, ms, cpuMs]: [number, number, number]): Slice {
  return {
    perSecond: (requests / ms) * 1_000,
    cpuMicros: cpuMs === 0 ? Number.NaN : (cpuMs / requests) * 1_000,
  }
}
