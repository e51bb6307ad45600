// Writes the first GOAWAY frame of a graceful HTTP/2 shutdown beside nghttp2.

import { writeSync } from 'node:fs'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { descriptorOf, unsentBytes } from './internals/connection-handle.ts'
import { boundSession } from './internals/http2-session.ts'

/** A GOAWAY frame with the highest stream id, 2^31 - 1, and the code NO_ERROR (RFC 9113, 6.8). */
const frame = Buffer.from('0000080700000000007fffffff00000000', 'hex')

/**
 * Asks the client to open its next stream on another session.
 *
 * @remarks `session.goaway()` does not fit: once nghttp2 has sent a GOAWAY itself, it ignores the streams
 * that the client had begun by then, whatever the last stream id was. Node.js does not call
 * `nghttp2_submit_shutdown_notice`. So this writes the frame to the descriptor. The frame is between two
 * others only if none waits to be sent: Node.js passes complete frames to libuv. Call this after the
 * answer to a PING: then everything before, the preface included, has been sent.
 *
 * `transport.write()` does not fit either: the session would take the end of that write for one of its
 * own.
 * @returns `busy` if frames wait to be sent; `impossible` over TLS, if this Node.js does not have the
 * fields, and if the connection is broken.
 * @see src/node_http2.cc `Http2Session::SendPendingData`, `Http2Session::OnStreamAfterWrite` (Node 20
 * to 26); `session_allow_incoming_new_stream` of nghttp2
 */
export function writeGoaway(
  session: Http2Session,
  transport: Socket,
): 'sent' | 'busy' | 'impossible' {
  const fd = descriptorOf(transport)
  const unsent = unsentBytes(transport)
  if (fd === undefined || unsent === undefined || boundSession(transport) !== session) {
    return 'impossible'
  }
  if (unsent > 0) return 'busy'
  try {
    if (writeSync(fd, frame) === frame.length) return 'sent'
    // A part of the frame: the client would misread all others. Only a kernel without memory does that.
    transport.destroy()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'busy'
  }
  return 'impossible'
}
