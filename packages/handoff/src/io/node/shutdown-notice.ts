// Writes the first GOAWAY frame of a graceful HTTP/2 shutdown beside nghttp2.

import { writeSync } from 'node:fs'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { boundSession, descriptorOf, unsentBytes } from './internals.ts'

/** A GOAWAY frame: its last stream id is the highest, 2^31 - 1, its code NO_ERROR (RFC 9113, 6.8). */
const frame = Buffer.from('0000080700000000007fffffff00000000', 'hex')

/**
 * Writes to the client that it should open its next stream on another session.
 *
 * @remarks `session.goaway()` cannot do it: after every GOAWAY that nghttp2 has sent by itself, it
 * ignores the streams that the client had begun by then, whatever the last stream id was; and
 * Node.js does not call `nghttp2_submit_shutdown_notice`. So the frame goes straight to the
 * descriptor, where it stands between two others only if nothing waits to be sent: Node.js gives
 * nothing but whole frames to libuv. Call this when a PING was answered: then what was sent before
 * has left, the preface included.
 *
 * Not by `transport.write()`: the session would take the end of that write for one of its own.
 * @returns `busy` if frames wait to be sent; `impossible` over TLS, where Node.js does not have the
 * fields, and if the connection is broken.
 * @see src/node_http2.cc `Http2Session::SendPendingData`, `Http2Session::OnStreamAfterWrite` (Node 20
 * to 26); `session_allow_incoming_new_stream` of nghttp2
 */
export function writeShutdownNotice(
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
    // Half a frame: the client would misread all others. Only a kernel without memory does it.
    transport.destroy()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'busy'
  }
  return 'impossible'
}
