// Ends HTTP/2 sessions gracefully: refuses no stream that the client could open in good faith.

import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { builtins } from '../../io/node/builtins.ts'
import { writeGoaway } from '../../io/node/goaway-frame.ts'
import { shadowMethod } from '../../io/node/shadow-method.ts'
import { markClosed } from '../tracking/end-reasons.ts'

/** Highest stream id: "no stream is refused" (RFC 9113, section 6.8). */
const allStreams = 2 ** 31 - 1

/**
 * The HTTP/2 sessions of a server, by the connections below them: a destroyed session has no socket any
 * more.
 */
export type Sessions = ReadonlyMap<Socket, Http2Session>

/** Sessions whose end has begun. */
const ending = new WeakSet<Http2Session>()

/**
 * Ends a session. Open streams finish.
 *
 * @remarks RFC 9113, section 6.8: first a GOAWAY that refuses nothing, and a PING. Once the PING is
 * answered, the client has read the GOAWAY, and its earlier requests have arrived. Two PINGs, since a
 * client may answer the first before it sends a request that it had begun. Then a GOAWAY with the last
 * stream: the session closes once its streams have ended.
 */
export function endSession(session: Http2Session, transport: Socket): void {
  if (session.destroyed || ending.has(session)) return
  ending.add(session)
  markClosed(transport)
  if (session.encrypted) return session.close()
  const begin = () => {
    const written = writeGoaway(session, transport)
    if (written === 'busy') ping(session, begin)
    else if (written === 'sent') ping(session, () => ping(session, () => session.close()))
    else session.close()
  }
  ping(session, begin)
}

/**
 * Ends a session when the client makes its next request.
 *
 * @returns the undo, for a session that has had no request since.
 */
export function endSessionAtNextStream(session: Http2Session, transport: Socket): () => void {
  const emit = session.emit as (event: string | symbol, ...args: unknown[]) => boolean
  const undo = shadowMethod(session, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'stream' || session.destroyed) return emit.call(session, event, ...args)
    undo()
    if (session.encrypted) return endEncrypted(session, transport, args)
    endSession(session, transport)
    return emit.call(session, event, ...args)
  })
  return undo
}

/**
 * Ends a session over TLS at a stream: no frame can be written below nghttp2 there.
 *
 * @remarks nghttp2 refuses, as not processed, the streams that the client opens until it reads GOAWAY.
 * The streams are delayed until a PING is answered: nghttp2 stops reading as soon as a GOAWAY was sent
 * and no stream is open (nghttp2_session_want_read).
 * @param stream - the arguments of its event.
 */
function endEncrypted(session: Http2Session, transport: Socket, stream: unknown[]): true {
  const emit = session.emit as (event: string | symbol, ...args: unknown[]) => boolean
  const delayed = [stream]
  const undo = shadowMethod(session, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'stream' || session.destroyed) return emit.call(session, event, ...args)
    delayed.push(args)
    return true
  })
  const release = () => {
    undo()
    if (session.destroyed) return
    for (const args of delayed) emit.call(session, 'stream', ...args)
    session.close()
  }
  ending.add(session)
  markClosed(transport)
  session.goaway(builtins.http2.constants.NGHTTP2_NO_ERROR, allStreams)
  if (!session.ping(() => release())) release()
  return true
}

/** Calls back when the client has answered. Closes a session that sends no PING any more. */
function ping(session: Http2Session, onAnswer: () => void): void {
  if (session.destroyed || session.closed) return
  const sent = session.ping((error) => {
    if (error === null && !session.destroyed && !session.closed) onAnswer()
  })
  if (!sent) session.close()
}
