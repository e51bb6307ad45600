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

/** Connections to one server. */
export interface SecureConnections {
  /** Asks on all of them for so many milliseconds. Rejects if one was closed. */
  ask(ms: number): Promise<SecureRound>
  close(): Promise<void>
}

/** Compiles the client, by `CC` or `cc`. Returns a function that opens so many connections to a port. */
export function compileAskSecurely(
  resources: Resources,
): (port: number, connections: number) => Promise<SecureConnections> {
  const file = compile('ask-securely.c', resources, import.meta.url, ['-ldl'])
  return async (port, connections) => {
    const child = resources.spawn(file, [`${port}`, `${connections}`], { stdio: 'pipe' })
    const closed = once(child, 'close')
    const output = new Output()
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) output.collect(stream)
    child.on('close', () => output.end())
    await output.waitFor(/^ready/)
    return {
      async ask(ms) {
        const from = output.lines.length
        child.stdin?.write(`${ms}\n`)
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
