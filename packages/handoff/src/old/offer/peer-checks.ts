// Stage offer, old side: checks whether a peer may take over, by its uid and its versions.

import type { System } from '../../io/system/system.ts'
import { type Messages, supportedVersions } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { Settings } from '../../terms/options.ts'

/**
 * Checks the uid of a peer, by the kernel's word, before a byte of it is read.
 *
 * @returns the error that refuses it, if it may not take over.
 */
export function refusePeer(
  peer: { uid: number },
  system: System,
  settings: Settings,
): HandoffError | undefined {
  const { uid } = peer
  if (uid === system.uid || uid === 0 || settings.allowUids.includes(uid)) return undefined
  return new HandoffError(
    'ERR_HANDOFF_PEER_DENIED',
    `cannot hand over: the peer runs as uid ${uid}, this process as uid ${system.uid}`,
    { stage: 'offer', serving: 'old' },
  )
}

/** Returns the highest version that both processes speak, or the error that refuses the peer. */
export function chooseVersion({ versions }: Messages['hello']): number | HandoffError {
  const common = supportedVersions.filter((version) => versions.includes(version))
  if (common.length > 0) return Math.max(...common)
  return new HandoffError(
    'ERR_HANDOFF_VERSION',
    `cannot hand over: the peer speaks protocol ${versions.slice(0, 10).join(', ') || 'nothing'}, ` +
      `this process ${supportedVersions.join(', ')}`,
    { stage: 'offer', serving: 'old' },
  )
}
