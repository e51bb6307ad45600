// Stage offer: who may take over, and in which version of the protocol.

import { expect, test } from 'vitest'
import { chooseVersion, refusePeer } from '../../../packages/handoff/src/old/offer/peer-checks.ts'
import { supportedVersions } from '../../../packages/handoff/src/protocol/messages.ts'
import type { Settings } from '../../../packages/handoff/src/terms/options.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

function refusal(peerUid: number, ownUid: number, allowUids: number[] = []) {
  const system = Object.assign(new FakeSystem(), { uid: ownUid })
  return refusePeer({ uid: peerUid }, system, { allowUids } as unknown as Settings)
}

test('the same user, root, and whom the operator lists may take over', () => {
  expect(refusal(1000, 1000)).toBeUndefined()
  expect(refusal(0, 1000)).toBeUndefined()
  expect(refusal(33, 1000, [33])).toBeUndefined()
})

test('nobody else may, and the reason names both', () => {
  const denied = { code: 'ERR_HANDOFF_PEER_DENIED', stage: 'offer', serving: 'old' }
  expect(refusal(1001, 1000)).toMatchObject(denied)
  expect(refusal(1001, 1000, [33])).toMatchObject(denied)
  expect(refusal(1001, 0)).toMatchObject(denied)
  expect(refusal(1001, 1000)?.message).toMatch(/uid 1001.*uid 1000/)
})

test('the highest version that both speak is chosen', () => {
  const latest = Math.max(...supportedVersions)
  expect(chooseVersion({ versions: [0, latest, latest + 1], pid: 7 })).toBe(latest)
})

test.each([[[0]], [[]], [[999]], [[0, 999]]])('a peer that speaks %o is refused', (versions) => {
  const refused = { code: 'ERR_HANDOFF_VERSION', stage: 'offer', serving: 'old' }
  expect(chooseVersion({ versions, pid: 7 })).toMatchObject(refused)
})

test('version 0 is never supported', () => {
  expect(supportedVersions).not.toContain(0)
})

test('a peer that lists a million versions is answered all the same', () => {
  const versions = Array.from({ length: 500_000 }, () => supportedVersions[0] as number)
  expect(chooseVersion({ versions, pid: 7 })).toBe(supportedVersions[0])
})
