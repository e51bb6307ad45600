// A TLS connection that has moved from one process to the next.

import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { openPlace } from './place.ts'
import { SecureClient } from './secure-client.ts'
import { hasConnections, type SecureOptions, serveSecurely } from './secure-server.ts'

/**
 * Resolves with a connection that has made a request in each of two processes, and with its socket in the second one.
 *
 * @param onBefore - called with its socket in the first one, before it moves.
 */
export async function moved(
  client: ConnectionOptions = {},
  options: SecureOptions = {},
  onBefore: (socket: TLSSocket) => void = () => {},
) {
  const place = openPlace()
  const old = await serveSecurely(place, options)
  const connection = await SecureClient.connect(old.server, client)
  await connection.ask()
  onBefore(old.sockets[0] as TLSSocket)
  const next = await serveSecurely(place, options)
  await hasConnections(next, 1)
  await connection.ask()
  const [after] = next.sockets as [TLSSocket]
  return { after, connection, next }
}
