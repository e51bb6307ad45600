// Stage offer, old side: who asks, and may it have what we hold?

import type { System } from '../io/system/system.ts'
import { type Messages, supportedVersions } from '../protocol/messages.ts'
import { HandoffError } from '../terms/errors.ts'
import type { Settings } from '../terms/options.ts'

/**
 * Checks the kernel's word on who connected, before a byte of it is read.
 *
 * @returns the refusal, if any.
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

/** @returns the highest version that both speak, or the refusal. */
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
