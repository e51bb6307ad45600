// Events of a handoff as lines of the application's own log.

import type { FastifyBaseLogger } from 'fastify'
import { type HandoffEvent, printable } from 'socket-handoff'

/** The field `handoff` has the event as it was; the message is one line, whatever came from elsewhere. */
export function logEvent(log: FastifyBaseLogger, event: HandoffEvent): void {
  switch (event.type) {
    case 'stage':
      return log.debug({ handoff: event }, `handoff: ${event.stage}: ${printable(event.detail)}`)
    case 'serving': {
      const from = event.replaces === null ? '' : `, replacing pid ${event.replaces.pid}`
      return log.info({ handoff: event }, `handoff: generation ${event.generation} serves${from}`)
    }
    case 'drained': {
      const { handedOver, drained, closed, forced } = event.counts
      const text = `handoff: drained: ${handedOver} connections handed over, ${drained} finished, ${closed} closed, ${forced} cut at the deadline`
      return forced === 0 ? log.info({ handoff: event }, text) : log.warn({ handoff: event }, text)
    }
    case 'aborted':
      return log.warn({ handoff: event }, `handoff: aborted: ${printable(event.message)}`)
    case 'taken-back':
      return log.warn({ handoff: event }, `handoff: taken back: ${printable(event.message)}`)
    case 'joined':
      return log.info(
        { handoff: event },
        `handoff: pid ${event.from.pid} has handed over to this process as well`,
      )
    case 'warning':
      return log.warn({ handoff: event }, `handoff: ${printable(event.message)}`)
    case 'status': // For the supervisor, once a second.
      return
  }
}
