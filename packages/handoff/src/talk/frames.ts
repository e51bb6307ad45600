// Which messages each side receives, and which of them come with descriptors.

import type { Role } from '../protocol/machine.ts'
import type { Message, MessageOf, MessageType } from '../protocol/messages.ts'

const received = {
  new: [
    'refuse',
    'older',
    'mark',
    'manifest',
    'state',
    'listeners',
    'committed',
    'connections',
    'drained',
    'ramped',
    'abort',
    'alive',
  ],
  old: [
    'hello',
    'ack',
    'ready',
    'adopted',
    'ended',
    'rested',
    'pace',
    'release',
    'declined',
    'abort',
    'alive',
  ],
} as const satisfies Record<Role, readonly MessageType[]>

/** The types of the messages that a side receives. */
export type ReceivedType<R extends Role> = (typeof received)[R][number]

/** A message that a side receives. */
export type Received<R extends Role> = MessageOf<ReceivedType<R>>

/** Whether the side of this role receives such messages at all. */
export function isReceivedBy<R extends Role>(
  role: R,
  message: Message,
): message is Message & Received<R> {
  const types: readonly MessageType[] = received[role]
  return types.includes(message.type)
}

const withDescriptors: ReadonlySet<MessageType> = new Set<MessageType>([
  'listeners',
  'connections',
  'state',
  'older',
  'mark',
])

/** Whether such messages come with descriptors; those of others are closed. */
export function carriesDescriptors(type: MessageType): boolean {
  return withDescriptors.has(type)
}
