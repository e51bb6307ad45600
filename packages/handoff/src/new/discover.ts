// Stage discover, new side: finds the old process, if there is one, and asks to take over.

import { Channel } from '../io/channel/channel.ts'
import { Wire } from '../io/channel/wire.ts'
import { connectRendezvous, type Trust } from '../io/rendezvous/rendezvous.ts'
import type { System } from '../io/system/system.ts'
import { supportedVersions } from '../protocol/messages.ts'
import { Peer } from '../talk/peer.ts'

/**
 * Connects to the old process.
 *
 * @returns undefined if no process answers at the rendezvous socket: this is the first generation.
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE, or the system's error.
 */
export function findOldProcess(
  rendezvous: string,
  trust: Trust,
  system: System,
): Peer<'new'> | undefined {
  const fd = connectRendezvous(rendezvous, trust)
  return fd === undefined ? undefined : new Peer('new', new Wire(Channel.from(fd)), system)
}

/** @param accepts - the messages of later releases that this process knows. */
export function sendHello(
  old: Peer<'new'>,
  pid: number,
  accepts: readonly string[],
): Promise<void> {
  return old.sendOrThrow({
    type: 'hello',
    versions: [...supportedVersions],
    pid,
    accepts: [...accepts],
  })
}
