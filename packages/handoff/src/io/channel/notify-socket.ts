// Sends notifications to the supervisor, or to systemd itself.

import { formatNotify, type NotifyFields } from '../../protocol/notify.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { sendDatagram } from './datagram.ts'

/**
 * Sends one notification. Does nothing without a socket, as sd_notify(3). The caller keeps its
 * descriptors.
 *
 * @returns the error, if the notification could not be sent. The supervisor may have ended; the server
 * goes on without it.
 */
export function notify(
  socket: string | undefined,
  fields: NotifyFields,
  { event, descriptors = [] }: { event?: HandoffEvent; descriptors?: readonly number[] } = {},
): Error | undefined {
  if (socket === undefined) return undefined
  const all = event === undefined ? fields : { ...fields, X_HANDOFF_EVENT: JSON.stringify(event) }
  try {
    sendDatagram(socket, formatNotify(all), descriptors)
    return undefined
  } catch (error) {
    return error as Error
  }
}
