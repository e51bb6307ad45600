// A TLS client that comes back with the session of its last visit.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'

const ca = readFileSync(new URL('../fixtures/tls/certificate.pem', import.meta.url))

export interface Visit {
  reused: boolean
  session: Buffer
}

/** One connection, with the session of an earlier one; it stays until a new session has come. */
export async function visit(
  port: number,
  version: tls.SecureVersion,
  session?: Buffer,
): Promise<Visit> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    ca,
    checkServerIdentity: () => undefined,
    minVersion: version,
    maxVersion: version,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(session === undefined ? {} : { session }),
  })
  const ticket = once(socket, 'session') as Promise<[Buffer]>
  socket.resume() // Tickets of TLS 1.3 come after the handshake, between the data.
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  // A client of Node is told of no other session where it resumed one.
  const next = reused ? (session as Buffer) : (await ticket)[0]
  socket.destroy()
  return { reused, session: next }
}
