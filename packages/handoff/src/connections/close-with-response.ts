// Ends connections that cannot be handed over: each with its next response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { observeRequests } from '../io/hooks/observe-requests.ts'
import { shadowMethod } from '../io/node/shadow-method.ts'
import { endSessionAtNextStream, type Sessions } from './http/http2.ts'
import { markClosed } from './tracking/end-reasons.ts'

export interface CloseWithResponse {
  /** Ends a session that has begun since, too. */
  addSession(session: Http2Session, transport: Socket): void
  /** Leaves those open that have not had a response yet. */
  undo(): void
}

/**
 * Ends the connections of a server without cutting any: the next HTTP/1.1 response says
 * `Connection: close`, HTTP/2 sessions get GOAWAY with their next stream.
 *
 * @remarks Requests are observed, not listened to: a `request` listener on an HTTP/2 server makes
 * Node.js answer every stream through its compatibility layer as well, which breaks servers that
 * use streams (gRPC).
 * @param filter - whether the connection of a request ends.
 */
export function closeWithResponse(
  server: Server,
  sessions: Sessions,
  filter: (socket: Socket) => boolean = () => true,
): CloseWithResponse {
  const undo: (() => void)[] = []
  let active = true
  const end = (request: IncomingMessage, response: ServerResponse) => {
    if (!active || response.headersSent || !filter(request.socket)) return
    response.setHeader('Connection', 'close')
    markClosed(request.socket)
  }
  undo.push(
    observeRequests(server, (request, response) => {
      if (!hasBody(request)) return end(request, response)
      // A close while the body is on its way is a reset, which cuts the answer. The connection then
      // stays open until the response after this one.
      beforeHead(response, () => {
        if (request.complete) end(request, response)
      })
    }),
  )
  const addSession = (session: Http2Session, transport: Socket) => {
    undo.push(endSessionAtNextStream(session, transport))
  }
  for (const [transport, session] of sessions) addSession(session, transport)
  return {
    addSession,
    undo() {
      active = false
      for (const undoOne of undo) undoOne()
    },
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Calls back before the head is written, explicitly or with the first write. */
function beforeHead(response: ServerResponse, callback: () => void): void {
  const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse
  const undo = shadowMethod(response, 'writeHead', (...args: unknown[]) => {
    undo()
    callback()
    return writeHead.apply(response, args)
  })
}
