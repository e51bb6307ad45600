// After the commit, new side: gives a batch of connections to the server behind their listener.

import type { Gate } from '../../connections/gate/gate.ts'
import type { Mover } from '../../connections/moving/mover.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { describe } from '../../io/native/descriptors.ts'
import { findOther } from '../../io/native/many-connections.ts'
import type { Messages } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { Arrivals } from './arrivals.ts'

/**
 * Gives a batch to the server behind its listener. Owns the descriptors.
 *
 * @param gate - undefined if the application has closed the server since the commit.
 * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_PROTOCOL. Connections that
 * are not adopted by then are closed.
 */
export function adoptConnections(
  message: Messages['connections'],
  descriptors: number[],
  gate: Gate | undefined,
  arrivals: Arrivals,
): void {
  const { items } = message
  const arriving = descriptors.map((fd, at) => ({ fd, item: items[at], origin: arrivals.next() }))
  // The connections of a server end with it.
  if (gate === undefined) {
    closeAll(descriptors)
    for (const { origin } of arriving) origin.onEnd()
    return
  }
  checkBatch(message, descriptors, gate).adopt(arriving)
}

/** @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH; then all descriptors are closed. */
function checkBatch(
  { key, kind, items }: Messages['connections'],
  descriptors: readonly number[],
  { held, connections }: Gate,
): Mover {
  try {
    const mover = connections?.movers.find((candidate) => candidate.kind === kind)
    if (mover === undefined) throw mismatch(`${key} takes none of kind ${kind}`)
    if (items.length !== descriptors.length) {
      throw mismatch(`${descriptors.length} descriptors came with ${items.length} items`)
    }
    checkEach(descriptors, key, held.entry.protocol === 'unix')
    return mover
  } catch (error) {
    closeAll(descriptors)
    throw error
  }
}

/** Checks by the kernel's word that each is a connection of the right family. */
function checkEach(fds: readonly number[], key: string, isPath: boolean): void {
  const other = findOther(fds, isPath)
  if (other === undefined) return
  const { type, family, listening } = describe(other)
  throw mismatch(`one for ${key} is a ${listening ? 'listening ' : ''}${family} ${type} socket`)
}

function mismatch(reason: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
    `cannot take over connections: ${reason}`,
    { stage: 'drain', serving: 'new' },
  )
}
