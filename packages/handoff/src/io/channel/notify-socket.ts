// Tells the supervisor, or systemd itself, how this process fares: the notify protocol.

import { formatNotify, type NotifyFields } from '../../protocol/notify.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { sendDatagram } from './datagram.ts'

/**
 * Sends one notification; without a socket it does nothing, as sd_notify(3). The descriptors stay
 * the caller's.
 *
 * @returns the error, where the supervisor could not be told: it may be gone, and the server
 * serves on without it.
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
