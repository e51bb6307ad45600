// The client in C: it leaves most of both cores to the servers, and counts the requests that they can answer.

import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Resources } from '../core/resources.ts'

/** `kept`: connections live through the round; `new`: each carries one request. */
export type Connections = 'kept' | 'new'

export interface Asked {
  /** Of the round. */
  requests: number
  /** Of warm-up and round. */
  requestsInAll: number
  perSecond: number
  p50: number
  p99: number
  /** Share of one core that the client took. */
  busy: number
}

export interface Round {
  port: number
  kind: Connections
  /** At a time. */
  connections: number
  /** The warm-up ends after so many requests or milliseconds. A slow server is measured as warm as a fast one. */
  warmUp: { requests: number; ms: number }
  ms: number
}

/** Compiles the client, by `CC` or `cc`. */
export function compileAsk(resources: Resources): (round: Round) => Promise<Asked> {
  const file = compile('ask.c', resources, import.meta.url)
  return async ({ port, kind, connections, warmUp, ms }) => {
    const args = [port, kind, connections, warmUp.requests, warmUp.ms, ms].map(String)
    return JSON.parse((await promisify(execFile)(file, args)).stdout)
  }
}

/** Compiles a program of one file, with libraries such as `-ldl`, and returns the path of the result. */
export function compile(
  name: string,
  resources: Resources,
  beside: string,
  libraries: readonly string[] = [],
): string {
  const source = fileURLToPath(new URL(name, beside))
  const program = join(resources.directory(), name.replace(/\.c$/, ''))
  const compiler = process.env.CC ?? 'cc'
  try {
    const args = ['-O2', source, '-o', program, ...libraries]
    execFileSync(compiler, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    throw new Error(`cannot compile ${name}: ${error}. Install a C compiler, or name one as CC.`)
  }
  return program
}
