// How an HTTP/2 session is ended without one request refused: at its next request, not before.

import { constants, type Http2Session } from 'node:http2'
import type { Server } from 'node:net'
import type { Census } from './census.ts'
import { markClosed } from './marks.ts'
import { shadow } from './shadow.ts'

/** Highest stream id: "no stream is refused" (RFC 9113, section 6.8). */
const allStreams = 2 ** 31 - 1

/** Keeps the HTTP/2 sessions of a server, until undone; stays empty for every other kind. */
export function trackSessions(
  server: Server,
  census: Census,
): {
  sessions: ReadonlySet<Http2Session>
  undo: () => void
} {
  const sessions = new Set<Http2Session>()
  const track = (session: Http2Session) => {
    sessions.add(session)
    census.enter(session.socket, 'http2')
    session.once('close', () => sessions.delete(session))
  }
  server.on('session', track)
  return { sessions, undo: () => server.off('session', track) }
}

/** Refuses what comes from now on; streams that are open finish. */
export function closeSession(session: Http2Session): void {
  if (session.destroyed) return
  markClosed(session.socket)
  session.close()
}

/**
 * Tells the client to leave when it makes its next request.
 *
 * @remarks RFC 9113, section 6.8: first a GOAWAY that refuses nothing, and a PING; when its answer is
 * here, the client knows, and whatever it had sent by then has arrived: so the session can close
 * once its streams are done. Until that answer the streams are held back, for nghttp2 stops reading
 * as soon as a GOAWAY was sent and no stream is open (nghttp2_session_want_read). For the same
 * reason an idle session cannot be told at once.
 * @returns the undo, for a session that was not told yet.
 */
export function endSessionAtNextStream(session: Http2Session): () => void {
  const emit = session.emit as (event: string | symbol, ...args: unknown[]) => boolean
  const held: unknown[][] = []
  let told = false
  const undo = shadow(session, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'stream') return emit.call(session, event, ...args)
    held.push(args)
    if (told) return true
    told = true
    markClosed(session.socket)
    session.goaway(constants.NGHTTP2_NO_ERROR, allStreams)
    if (!session.ping(() => release())) release()
    return true
  })
  const release = () => {
    undo()
    if (session.destroyed) return
    for (const args of held) emit.call(session, 'stream', ...args)
    session.close()
  }
  return () => {
    if (!told) undo()
  }
}
