// Counts what the clients of a load lost.

import { percentile } from '../core/statistics.ts'
import type { Reports } from './measured-load.ts'

/**
 * Returns the figures of a load that count losses: requests and messages without a whole, right answer, and
 * connections that the server closed, whether or not it said so first.
 */
export function losses({ arriving, kept }: Reports): Record<string, number> {
  const { sent, echoed } = kept.echoes
  // A reply with `Connection: close` is an answer. Its connection counts as closed.
  const requests = arriving.failed + kept.failed - kept.dismissed
  return {
    lost: requests + (sent - echoed),
    lostRequests: requests,
    lostMessages: sent - echoed,
    closed: kept.kept.closed,
    webSocketsClosed: kept.webSockets.closed,
    unanswered: arriving.timeouts,
    requests: arriving.requests + kept.requests,
    newConnections: arriving.requests,
    heldBack: arriving.heldBack,
    late: percentile(arriving.lateMs, 99),
    busy: Math.max(arriving.busy, kept.busy) * 100,
  }
}
