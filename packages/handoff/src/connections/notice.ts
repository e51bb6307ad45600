// What cannot be handed over is told to leave: after its next response, or by GOAWAY.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2Session } from 'node:http2'
import type { Server } from 'node:net'

/** Highest stream id: "no stream is refused yet" (RFC 9113, section 6.8). */
const allStreams = 2 ** 31 - 1

/** Keeps the HTTP/2 sessions of a server; stays empty for every other kind. */
export function trackSessions(server: Server): ReadonlySet<Http2Session> {
  const sessions = new Set<Http2Session>()
  server.on('session', (session: Http2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  return sessions
}

/**
 * Ends the connections of a server without cutting any: the next HTTP/1.1 response says
 * `Connection: close`, HTTP/2 sessions get GOAWAY and finish their streams.
 *
 * @returns the undo; sessions that were told stay told.
 */
export function giveNotice(server: Server, sessions: ReadonlySet<Http2Session>): () => void {
  const closeAfter = (request: IncomingMessage, response: ServerResponse) => {
    if (request.httpVersionMajor === 1) response.setHeader('Connection', 'close')
  }
  server.prependListener('request', closeAfter)
  server.on('session', endSession)
  for (const session of sessions) endSession(session)
  return () => {
    server.off('request', closeAfter)
    server.off('session', endSession)
  }
}

/**
 * RFC 9113, section 6.8: first a GOAWAY that refuses nothing; one round trip later the client knows
 * it, whatever it had sent by then has arrived, and the session can close without refusing a stream.
 */
function endSession(session: Http2Session): void {
  if (session.closed || session.destroyed) return
  session.goaway(constants.NGHTTP2_NO_ERROR, allStreams)
  const pinged = session.ping((_error) => session.close())
  if (!pinged) session.close()
}
