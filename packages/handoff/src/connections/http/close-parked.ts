// Lets a server's own methods close parked connections.

import type { Server } from 'node:http'
import { shadowMethod } from '../../io/node/shadow-method.ts'

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
    shadowMethod(server, 'closeIdleConnections', () => {
      parked.closeIdle()
      closeIdleConnections.call(server)
    }),
    shadowMethod(server, 'closeAllConnections', () => {
      parked.closeAll()
      closeAllConnections.call(server)
    }),
  ]
  return () => {
    for (const restore of undo) restore()
  }
}
