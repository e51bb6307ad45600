// Gives notice to connections that cannot be handed over: they end with their next response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { observeRequests } from '../io/hooks/observe-requests.ts'
import { shadow } from '../io/node/shadow.ts'
import { endSessionAtNextStream, type Sessions } from './http/http2.ts'
import { markClosed } from './moving/endings.ts'

export interface Notice {
  /** A session has begun since: it gets notice as well. */
  addSession(session: Http2Session, transport: Socket): void
  /** Connections that have not got notice yet get none. */
  undo(): void
}

/**
 * Ends the connections of a server without cutting any: the next HTTP/1.1 response says
 * `Connection: close`, HTTP/2 sessions get GOAWAY with their next stream.
 *
 * @remarks Requests are observed, not listened to: a `request` listener on an HTTP/2 server makes
 * Node.js answer every stream through its compatibility layer as well, which breaks servers that
 * use streams (gRPC).
 */
export function giveNotice(server: Server, sessions: Sessions): Notice {
  const undo: (() => void)[] = []
  let given = true
  const end = (request: IncomingMessage, response: ServerResponse) => {
    if (!given || response.headersSent) return
    response.setHeader('Connection', 'close')
    markClosed(request.socket)
  }
  undo.push(
    observeRequests(server, (request, response) => {
      if (!hasBody(request)) return end(request, response)
      // A close with a body still on its way is a reset, which cuts the answer: this connection
      // stays open until the response after it.
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
      given = false
      for (const forget of undo) forget()
    },
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Calls back before the head is written, be that asked for or implied by the first write. */
function beforeHead(response: ServerResponse, callback: () => void): void {
  const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse
  const undo = shadow(response, 'writeHead', (...args: unknown[]) => {
    undo()
    callback()
    return writeHead.apply(response, args)
  })
}
