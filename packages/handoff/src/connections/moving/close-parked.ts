// A server's own ways to close connections reach those that are parked.

import type { Server } from 'node:http'
import { shadow } from '../../io/node/shadow.ts'

/**
 * Lets `closeIdleConnections()` and `closeAllConnections()` close parked connections as well.
 *
 * @returns the undo.
 */
export function closeParkedToo(
  server: Server,
  parked: { closeIdle(): void; close(): void },
): () => void {
  const { closeIdleConnections, closeAllConnections } = server
  const undo = [
    shadow(server, 'closeIdleConnections', () => {
      parked.closeIdle()
      closeIdleConnections.call(server)
    }),
    shadow(server, 'closeAllConnections', () => {
      parked.close()
      closeAllConnections.call(server)
    }),
  ]
  return () => {
    for (const restore of undo) restore()
  }
}
