// Writes the events of a handoff to the log of the application.

import type { FastifyBaseLogger } from 'fastify'
import { describe, type HandoffEvent } from 'socket-handoff'

const levels = { detail: 'debug', info: 'info', good: 'info', bad: 'warn' } as const

/** The field `handoff` has the event unchanged; the message describes it in one line. */
export function logEvent(log: FastifyBaseLogger, event: HandoffEvent): void {
  // Reported to the supervisor each second.
  if (event.type === 'status') return
  const { tone, text } = describe(event)
  log[levels[tone]]({ handoff: event }, `handoff: ${text}`)
}
