// The HTTP/2 session on a socket.

import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/**
 * Returns the HTTP/2 session that a socket is bound to.
 *
 * @remarks lib/internal/stream_base_commons.js does not export the symbol that
 * lib/internal/http2/core.js imports: the name of the property is "undefined" (Node 20 to 26).
 * @see lib/internal/http2/core.js `Http2Session`, `cleanupSession`
 */
export function boundSession(socket: Socket): Http2Session | undefined {
  const fields = socket as unknown as Record<symbol | string, unknown>
  const session = fields.undefined ?? fields[boundSessionKey(socket) ?? '']
  const isSession = typeof (session as Partial<Http2Session> | undefined)?.goaway === 'function'
  return isSession ? (session as Http2Session) : undefined
}

function boundSessionKey(socket: Socket): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'kBoundSession',
  )
}
