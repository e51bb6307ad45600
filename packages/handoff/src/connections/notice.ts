// What cannot be handed over is told to leave, with its next response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Server } from 'node:net'
import { endSessionAtNextStream } from './http2.ts'
import { markClosed } from './marks.ts'

/**
 * Ends the connections of a server without cutting any: the next HTTP/1.1 response says
 * `Connection: close`, HTTP/2 sessions get GOAWAY with their next stream.
 *
 * @returns the undo, for whoever was not told yet.
 */
export function giveNotice(server: Server, sessions: ReadonlySet<Http2Session>): () => void {
  const undo: (() => void)[] = []
  const closeAfter = (request: IncomingMessage, response: ServerResponse) => {
    if (request.httpVersionMajor !== 1) return
    response.setHeader('Connection', 'close')
    markClosed(request.socket)
  }
  const endSession = (session: Http2Session) => undo.push(endSessionAtNextStream(session))
  server.prependListener('request', closeAfter)
  server.on('session', endSession)
  for (const session of sessions) endSession(session)
  return () => {
    server.off('request', closeAfter)
    server.off('session', endSession)
    for (const forget of undo) forget()
  }
}
