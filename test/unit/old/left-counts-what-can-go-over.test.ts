// A ramp does not end while connections wait for their turn: this is their number.

import { expect, test } from 'vitest'
import type { Holdings } from '../../../packages/handoff/src/generation/holdings.ts'
import { HandOver } from '../../../packages/handoff/src/old/drain/hand-over.ts'
import type { Peer } from '../../../packages/handoff/src/talk/peer.ts'

const gate = (key: string, connections?: object) => ({ held: { entry: { key } }, connections })
const mover = (kind: string) => ({ kind, take: () => [] })

test('only kinds count that the new process takes; none once no more go over', () => {
  const stopMoving = () => {}
  const gates = new Set([
    gate('tcp:*:80', {
      movers: [mover('http'), mover('websocket')],
      kinds: { http: 3, other: 7 },
      stopMoving,
    }),
    gate('tcp:*:81', { movers: [mover('raw')], kinds: { raw: 5 }, stopMoving }),
    // A datagram socket has no connections.
    gate('udp:0.0.0.0:82'),
  ])
  const holdings = { gates, fates: { add: () => {} } } as unknown as Holdings
  const peer = { takePositions: () => undefined } as unknown as Peer<'old'>
  const takes = { 'tcp:*:80': ['http', 'websocket'] }
  const hand = new HandOver(peer, holdings, takes, {
    onChange: () => {},
    onRest: () => {},
    onError: () => {},
  })
  expect(hand.left).toBe(3)
  hand.stop()
  expect(hand.left).toBe(0)
})
