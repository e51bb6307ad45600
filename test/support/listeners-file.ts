// The file that tells the fixture listeners.mjs where to listen from its next start on.

import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Target } from './load/send.ts'
import type { Run } from './run.ts'

export interface Listener {
  name: string
  host?: string
  port?: number
  path?: string
  ipv6Only?: boolean
}

/** Name → where it listens. */
export type Places = Record<string, Target>

export class ListenersFile {
  readonly path = join(tmpdir(), `handoff-listeners-${randomUUID()}`)
  /** For {@link startRun}. */
  readonly env = { LISTENERS_FILE: this.path }

  constructor(listeners: readonly Listener[]) {
    this.become(listeners)
    onTestFinished(() => rmSync(this.path, { force: true }))
  }

  become(listeners: readonly Listener[]): void {
    writeFileSync(this.path, JSON.stringify(listeners))
  }
}

/** Where the process that serves listens, as it printed at or after a line. */
export async function placesOf(run: Run, from = 0): Promise<Places> {
  const [, json = '[]'] = await run.output.waitFor(/^at \d+ (.*)/, { from })
  const printed: { name: string; address: string | { address: string; port: number } }[] =
    JSON.parse(json)
  return Object.fromEntries(
    printed.map(({ name, address }) => [
      name,
      typeof address === 'string'
        ? { socketPath: address }
        : { host: reachable(address.address), port: address.port },
    ]),
  )
}

/** The loopback address behind a wildcard. */
function reachable(address: string): string {
  if (address === '::') return '::1'
  return address === '0.0.0.0' ? '127.0.0.1' : address
}
