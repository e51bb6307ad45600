// Closes HTTP/1.1 connections over TLS that are between two requests: they must not delay a stop.

import type { Server } from 'node:tls'
import { idleConnections } from '../../io/node/internals/http-connections.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import { markClosed } from '../tracking/end-reasons.ts'

/**
 * Closes the connections on which a request was answered and no other has begun: those of HTTPS
 * servers, and of HTTP/2 servers with `allowHTTP1`.
 *
 * @remarks `closeIdleConnections()` does not fit: to it a response is finished once end() was called,
 * flushed or not. The connections end with the close_notify of TLS (RFC 8446, section 6.1), so that no
 * client takes the end for a truncation. If this Node.js does not list them, they last for their
 * keep-alive time.
 */
export function closeIdleTls(server: Server): void {
  for (const socket of idleConnections(server) ?? []) {
    if (!hasNoBytesInFlight(socket)) continue
    markClosed(socket)
    socket.destroySoon()
  }
}
