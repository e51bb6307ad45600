// The options with which a server accepts connections.

import type { Server, ServerOpts } from 'node:net'

/** Fields of a server with options for its connections, beside `maxConnections`. */
const acceptFields = [
  'allowHalfOpen',
  'pauseOnConnect',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
  'blockList',
]

/**
 * Returns how a server accepts connections, as options for another one.
 *
 * @see lib/net.js `Server`, `onconnection` (Node 20 to 26)
 */
export function acceptOptions(server: Server): ServerOpts {
  const fields = server as unknown as Record<string, unknown>
  const given = acceptFields.flatMap((name) => {
    const value = fields[name]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given)
}

/**
 * Whether the connections of a server stay open when the client has closed its side. Those of an HTTP
 * server do.
 *
 * @returns false, the default, if this Node.js does not have the field.
 * @see lib/net.js `Server` (Node 20 to 26)
 */
export function allowsHalfOpen(server: Server): boolean {
  return (server as unknown as { allowHalfOpen?: unknown }).allowHalfOpen === true
}
