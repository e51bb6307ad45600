// Lets a server's own methods close parked connections.

import type { Server } from 'node:http'
import { shadow } from '../../io/node/shadow.ts'

/**
 * Lets `closeIdleConnections()` and `closeAllConnections()` close parked connections as well.
 *
 * @returns the undo.
 */
export function closeParkedWith(
  server: Server,
  parked: { closeIdle(): void; closeAll(): void },
): () => void {
  const { closeIdleConnections, closeAllConnections } = server
  const undo = [
    shadow(server, 'closeIdleConnections', () => {
      parked.closeIdle()
      closeIdleConnections.call(server)
    }),
    shadow(server, 'closeAllConnections', () => {
      parked.closeAll()
      closeAllConnections.call(server)
    }),
  ]
  return () => {
    for (const restore of undo) restore()
  }
}
