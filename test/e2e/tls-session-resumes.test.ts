import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { expect, test } from 'vitest'
import { startRun } from '../support/run.ts'

const HANDOFFS = 3
const ca = readFileSync(new URL('../fixtures/tls/certificate.pem', import.meta.url))

/** One connection; gives whether it resumed, and the session that the next one can resume. */
async function visit(port: number, version: tls.SecureVersion, session?: Buffer) {
  const versions = { minVersion: version, maxVersion: version }
  const target = { host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined }
  const socket = tls.connect({
    ...target,
    ...versions,
    ALPNProtocols: ['http/1.1', 'h2'],
    ...(session === undefined ? {} : { session }),
  })
  const ticket = once(socket, 'session') as Promise<[Buffer]>
  socket.resume() // Tickets of TLS 1.3 come after the handshake, between the data.
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  const next = session ?? (await ticket)[0]
  socket.destroy()
  return { reused, session: next }
}

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
