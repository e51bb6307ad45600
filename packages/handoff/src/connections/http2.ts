// How an HTTP/2 session is ended without one request refused: at its next request, not before.

import { constants, type Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { shadow } from '../io/shadow.ts'
import { markClosed } from './marks.ts'

/** Highest stream id: "no stream is refused" (RFC 9113, section 6.8). */
const allStreams = 2 ** 31 - 1

/**
 * The HTTP/2 sessions of a server, by the connections below them: a session that was destroyed has
 * no socket any more.
 */
export type Sessions = ReadonlyMap<Socket, Http2Session>

/** Refuses what comes from now on; streams that are open finish. */
export function closeSession(session: Http2Session, transport: Socket): void {
  if (session.destroyed) return
  markClosed(transport)
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
export function endSessionAtNextStream(session: Http2Session, transport: Socket): () => void {
  const emit = session.emit as (event: string | symbol, ...args: unknown[]) => boolean
  const held: unknown[][] = []
  let told = false
  const undo = shadow(session, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'stream' || session.destroyed) return emit.call(session, event, ...args)
    held.push(args)
    if (told) return true
    told = true
    markClosed(transport)
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
