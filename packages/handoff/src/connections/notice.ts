// What cannot be handed over is told to leave, with its next response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Server } from 'node:net'
import { endSessionAtNextStream } from './http2.ts'
import { markClosed } from './marks.ts'
import { shadow } from './shadow.ts'

/**
 * Ends the connections of a server without cutting any: the next HTTP/1.1 response says
 * `Connection: close`, HTTP/2 sessions get GOAWAY with their next stream.
 *
 * @returns the undo, for whoever was not told yet.
 */
export function giveNotice(server: Server, sessions: ReadonlySet<Http2Session>): () => void {
  const undo: (() => void)[] = []
  let given = true
  const tell = (request: IncomingMessage, response: ServerResponse) => {
    if (!given || response.headersSent) return
    response.setHeader('Connection', 'close')
    markClosed(request.socket)
  }
  const closeAfter = (request: IncomingMessage, response: ServerResponse) => {
    if (request.httpVersionMajor !== 1) return
    if (!hasBody(request)) return tell(request, response)
    // A close with a body still on its way is a reset, which cuts the answer: this one keeps its
    // connection until the next.
    beforeHead(response, () => {
      if (request.complete) tell(request, response)
    })
  }
  const endSession = (session: Http2Session) => undo.push(endSessionAtNextStream(session))
  server.prependListener('request', closeAfter)
  server.on('session', endSession)
  for (const session of sessions) endSession(session)
  return () => {
    given = false
    server.off('request', closeAfter)
    server.off('session', endSession)
    for (const forget of undo) forget()
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
