// After the commit, new side: gives a batch of connections to the server behind their listener.

import type { Gate } from '../../connections/gate/gate.ts'
import type { Arriving, Mover } from '../../connections/moving/mover.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { describe } from '../../io/native/descriptors.ts'
import { findOther } from '../../io/native/many-connections.ts'
import { SecretsFile } from '../../io/native/tls-secrets.ts'
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
  const fds = descriptors.slice(0, connectionsIn(message, descriptors))
  const origins = arrivals.take(fds.length)
  // The connections of a server end with it.
  if (gate === undefined) {
    closeAll(descriptors)
    for (const origin of origins) origin.onEnd()
    return
  }
  const mover = checkBatch(message, fds, descriptors, gate)
  const file = receiveSecrets(message, descriptors)
  try {
    const arriving: Arriving[] = []
    for (let index = 0; index < fds.length; index++) {
      const secrets = file && { file, index }
      const origin = origins[index]
      arriving.push({ fd: fds[index] as number, item: items[index], secrets, origin })
    }
    mover.adopt(arriving)
  } finally {
    file?.release()
  }
}

/** Returns how many of the descriptors of a message are connections. The file of their secrets is the last one. */
export function connectionsIn(
  { secretBytes }: Messages['connections'],
  descriptors: readonly number[],
): number {
  return secretBytes === undefined ? descriptors.length : Math.max(0, descriptors.length - 1)
}

/** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL; then all descriptors are closed. */
function receiveSecrets(
  { items, secretBytes }: Messages['connections'],
  descriptors: readonly number[],
): SecretsFile | undefined {
  if (secretBytes === undefined) return undefined
  const connections = descriptors.slice(0, -1)
  try {
    const file = SecretsFile.receive(descriptors.at(-1) as number)
    if (file.bytes === secretBytes && file.count >= items.length) return file
    file.release()
    throw new HandoffError(
      'ERR_HANDOFF_PROTOCOL',
      'cannot take over connections: the file with their TLS secrets has another size',
    )
  } catch (error) {
    closeAll(connections)
    throw error
  }
}

/** @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH; then all descriptors are closed. */
function checkBatch(
  { key, kind, items, secretBytes }: Messages['connections'],
  fds: readonly number[],
  descriptors: readonly number[],
  { held, connections }: Gate,
): Mover {
  try {
    const mover = connections?.movers.find((candidate) => candidate.kind === kind)
    if (mover === undefined) throw mismatch(`${key} takes none of kind ${kind}`)
    if (items.length !== fds.length) {
      throw mismatch(`${fds.length} descriptors came with ${items.length} items`)
    }
    if (mover.secured !== (secretBytes !== undefined)) {
      throw mismatch(`${key} ${mover.secured ? 'needs' : 'has no use for'} TLS secrets`)
    }
    checkEach(fds, key, held.entry.protocol === 'unix')
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
