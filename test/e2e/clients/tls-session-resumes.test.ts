import type tls from 'node:tls'
import { expect, test } from 'vitest'
import { startRun } from '../../support/run.ts'
import { visit } from '../../support/tls-visit.ts'

const HANDOFFS = 3

test.each(['https', 'http2'])(
  `a session of the first %s generation resumes after each of ${HANDOFFS} handoffs`,
  async (protocol) => {
    const run = await startRun('fastify-tls.ts', {
      args: [protocol],
      env: { NODE_DEBUG: 'handoff' },
    })
    const port = run.target.port as number
    const sessions = new Map<tls.SecureVersion, Buffer>()
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { reused, session } = await visit(port, version)
      expect(reused).toBe(false)
      sessions.set(version, session)
    }
    for (let count = 1; count <= HANDOFFS; count++) {
      const from = run.output.lines.length
      await run.reloadWell()
      await run.listening(from)
      for (const [version, session] of sessions) {
        const { reused } = await visit(port, version, session)
        expect(reused, `${version} after handoff ${count}`).toBe(true)
      }
    }
    // The debug output is there, and knows nothing of keys: 48 bytes are 64 letters of base64.
    expect(`${run.output}`).toMatch(/HANDOFF \d+/)
    expect(`${run.output}`).not.toMatch(/[A-Za-z0-9+/]{64}/)
    await run.stop()
  },
)
