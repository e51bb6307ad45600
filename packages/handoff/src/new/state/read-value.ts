// Stages receive and ready, new side: reads a value of the application from its message.

import { readValueFile } from '../../io/channel/value-file.ts'
import { closeAll } from '../../io/channel/wire.ts'
import type { StateMessage } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'

/**
 * Returns the value of a message. Owns its descriptors.
 *
 * @remarks No text of the value gets into an error: it may be a secret.
 * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_PROTOCOL.
 */
export function readValue(message: StateMessage, descriptors: number[]): unknown {
  const { encoding, length, value } = message
  try {
    if (length === undefined) {
      return encoding === 'bytes' ? Buffer.from(value as string, 'base64') : value
    }
    const [fd] = descriptors
    const bytes = fd === undefined || descriptors.length > 1 ? undefined : readValueFile(fd, length)
    if (bytes === undefined) {
      throw failure('ERR_HANDOFF_DESCRIPTOR_MISMATCH', `is not a file of ${length} bytes`, message)
    }
    return encoding === 'bytes' ? bytes : parse(bytes, message)
  } finally {
    closeAll(descriptors)
  }
}

function parse(bytes: Buffer, message: StateMessage): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw failure('ERR_HANDOFF_PROTOCOL', 'is not JSON', message)
  }
}

function failure(
  code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' | 'ERR_HANDOFF_PROTOCOL',
  reason: string,
  { key }: StateMessage,
): HandoffError {
  return new HandoffError(code, `cannot receive the state ${JSON.stringify(key)}: it ${reason}`)
}
