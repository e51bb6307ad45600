// Stage discover, new side: finds the old process, if there is one, and asks to take over.

import { Channel } from '../io/channel/channel.ts'
import { Wire } from '../io/channel/wire.ts'
import { connectRendezvous, type Trust } from '../io/rendezvous/rendezvous.ts'
import { supportedVersions } from '../protocol/messages.ts'
import { OldProcess } from './old-process.ts'

/**
 * Connects to the old process.
 *
 * @returns undefined when nobody serves at the rendezvous socket: this is the first generation.
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE, or the system's error.
 */
export function findOldProcess(rendezvous: string, trust: Trust): OldProcess | undefined {
  const fd = connectRendezvous(rendezvous, trust)
  return fd === undefined ? undefined : new OldProcess(new Wire(Channel.from(fd)))
}

/** @param accepts - what this process understands beside the messages of its versions. */
export function sendHello(old: OldProcess, pid: number, accepts: readonly string[]): Promise<void> {
  return old.deliver({
    type: 'hello',
    versions: [...supportedVersions],
    pid,
    accepts: [...accepts],
  })
}
