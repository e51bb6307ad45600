// Observes the HTTP/1.1 requests of a server without being one of its listeners.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** Node.js publishes each request here before it emits `request`, `checkContinue` or another. */
const requestStarts = 'http.server.request.start'

/** The message that Node.js publishes. @see https://nodejs.org/api/diagnostics_channel.html#http */
interface RequestStart {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  server: Server
}

/**
 * Reports every HTTP/1.1 request of a server before its listeners get it, without upgrades.
 *
 * @remarks Works for HTTPS servers and for HTTP/2 servers with `allowHTTP1` as well.
 * @returns the undo. Requests of a server without an observer cost nothing.
 */
export function observeRequests(
  server: Server,
  onRequest: (request: IncomingMessage, response: ServerResponse, socket: Socket) => void,
): () => void {
  const onMessage = (message: unknown) => {
    const { request, response, socket, server: of } = message as RequestStart
    if (of === server) onRequest(request, response, socket)
  }
  subscribe(requestStarts, onMessage)
  return () => void unsubscribe(requestStarts, onMessage)
}
