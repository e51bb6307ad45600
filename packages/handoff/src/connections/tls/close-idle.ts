// HTTP/1.1 connections over TLS that are between two requests cannot change process, but need not
// hold up a stop.

import type { Server } from 'node:tls'
import { idleConnections } from '../../io/node/internals.ts'
import { isStill } from '../moving/bytes-in-flight.ts'
import { markClosed } from '../moving/endings.ts'

/**
 * Closes the connections on which a request was answered, and no other has begun.
 *
 * @remarks Those of HTTPS servers, and of HTTP/2 servers with `allowHTTP1`. Not by `closeIdleConnections()`, to which a response is finished once end() was called,
 * flushed or not. They end with the close_notify of TLS (RFC 8446, section 6.1), so that no client
 * takes it for a truncation. Where this Node does not tell them, they last for their keep-alive time.
 */
export function closeIdleTls(server: Server): void {
  for (const socket of idleConnections(server) ?? []) {
    if (!isStill(socket)) continue
    markClosed(socket)
    socket.destroySoon()
  }
}
