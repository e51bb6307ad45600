// Shows a client of the control endpoint that the supervisor is alive while it has no news.

import type { ServerResponse } from 'node:http'

/** How often an answer that is not complete carries something, in milliseconds. */
export const heartbeatMs = 2_000

/** The header of every answer by which a client knows that this supervisor sends heartbeats, and how often. */
export const heartbeatHeader = 'Handoff-Heartbeat-Ms'

/**
 * Writes a space each {@link heartbeatMs} until the answer ends. JSON allows spaces before a value, so that
 * clients that do not know of heartbeats read the same lines.
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
