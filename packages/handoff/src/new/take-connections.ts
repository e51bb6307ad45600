// After the commit, new side: connections that the old process hands over find their server.

import { HandoffError } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import { describe } from '../io/descriptors.ts'
import { closeAll } from '../io/wire.ts'
import type { Messages } from '../protocol/messages.ts'

/**
 * Gives a batch to the server behind its listener. Owns the descriptors.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH; all of the batch is closed then.
 */
export function takeConnections(
  { key, idleMs }: Messages['connections'],
  descriptors: number[],
  holdings: Holdings,
): void {
  const gate = [...holdings.gates].find(({ held }) => held.receivedAs === key)
  if (gate === undefined) {
    // Closed by the application since the commit: its connections end with it.
    closeAll(descriptors)
    return
  }
  if (!gate.handsOver) {
    closeAll(descriptors)
    throw mismatch(`${key} takes none`)
  }
  const { protocol } = gate.held.entry
  for (const fd of descriptors) {
    const { type, family, listening } = describe(fd)
    if (type === 'stream' && !listening && (family === 'unix') === (protocol === 'unix')) continue
    closeAll(descriptors)
    throw mismatch(`one for ${key} is a ${family} ${type} socket`)
  }
  for (const fd of descriptors) gate.adopt(fd, idleMs)
}

function mismatch(reason: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
    `cannot take over connections: ${reason}`,
    { stage: 'drain', serving: 'new' },
  )
}
