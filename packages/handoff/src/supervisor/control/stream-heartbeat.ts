// Shows clients of the control endpoint that the supervisor lives while it has nothing to send.

import type { ServerResponse } from 'node:http'

/** How often an incomplete answer gets a heartbeat, in milliseconds. */
export const heartbeatMs = 2_000

/** The header of every answer that says that the supervisor sends heartbeats, and how often. */
export const heartbeatHeader = 'Handoff-Heartbeat-Ms'

/**
 * Writes a space each {@link heartbeatMs} until the answer ends. JSON allows spaces before a value, so that
 * clients need not know heartbeats.
 *
 * @see RFC 8259, section 2
 */
export function sendHeartbeats(response: ServerResponse): void {
  const timer = setInterval(() => {
    if (!response.writableEnded && !response.writableNeedDrain) response.write(' ')
  }, heartbeatMs)
  response.once('close', () => clearInterval(timer))
  response.once('finish', () => clearInterval(timer))
}
