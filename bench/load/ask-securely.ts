// The client in C over TLS: its connections live through several rounds, and through handoffs between them.

import { once } from 'node:events'
import { Output } from '../../test/support/output.ts'
import type { Resources } from '../core/resources.ts'
import { compile } from './ask.ts'

export interface SecureRound {
  requests: number
  perSecond: number
  /** Share of one core that the client took. */
  busy: number
}

export interface SecureRequest {
  readonly path: string
  /** Of the body. 0: the request is a GET. */
  readonly bytes: number
}

/** Connections to one server. */
export interface SecureConnections {
  /** Asks on all of them for so many milliseconds, by default for `/`. Rejects if one was closed. */
  ask(ms: number, request?: SecureRequest): Promise<SecureRound>
  close(): Promise<void>
}

/** Opens so many connections to a port. They speak the latest version of TLS, or the one that is given. */
export type OpenSecurely = (
  port: number,
  connections: number,
  version?: '1.2',
) => Promise<SecureConnections>

/** Compiles the client, by `CC` or `cc`. */
export function compileAskSecurely(resources: Resources): OpenSecurely {
  const file = compile('ask-securely.c', resources, import.meta.url, ['-ldl'])
  return async (port, connections, version) => {
    const args = [`${port}`, `${connections}`, ...(version === undefined ? [] : [version])]
    const child = resources.spawn(file, args, { stdio: 'pipe' })
    const closed = once(child, 'close')
    const output = new Output()
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) output.collect(stream)
    child.on('close', () => output.end())
    await output.waitFor(/^ready/)
    return {
      async ask(ms, { path, bytes } = { path: '/', bytes: 0 }) {
        const from = output.lines.length
        child.stdin?.write(`${ms} ${path} ${bytes}\n`)
        const [line] = await output.waitFor(/^\{.*/, { from, deadlineMs: ms + 20_000 })
        return JSON.parse(line)
      },
      async close() {
        child.stdin?.end()
        await closed
      },
    }
  }
}
