// Peers that wait until they say hello: which of them goes on, and which is refused.

import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { Wire } from '../../../packages/handoff/src/io/channel/wire.ts'
import { EndReason } from '../../../packages/handoff/src/old/end-reason.ts'
import { WaitingPeers } from '../../../packages/handoff/src/old/offer/waiting-peers.ts'
import type { OldState } from '../../../packages/handoff/src/protocol/machine.ts'
import type { Message } from '../../../packages/handoff/src/protocol/messages.ts'
import { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'
import { Peer as HandMade } from '../../stage/support/peers.ts'

const hello: Message = { type: 'hello', versions: [1], pid: 7 }

function waiting({ denied = false, unknown = false, free = true } = {}) {
  const reason = new EndReason(() => ({ state: 'offer', name: 'the new process' }))
  const system = new FakeSystem()
  const ready: Peer<'old'>[] = []
  const peers = new WaitingPeers({
    denial: () => {
      if (unknown) throw new Error('ENOTCONN')
      return denied ? reason.busy() : undefined
    },
    isFree: () => free,
    busyError: () => reason.busy(),
    onHello: (peer) => void ready.push(peer),
  })
  const [here, there] = Channel.pair()
  const other = new HandMade(there)
  onTestFinished(() => {
    for (const peer of ready) peer.close()
    other.die()
  })
  peers.add(new Peer('old', new Wire(here), system))
  return { ready, other, system }
}

test('one that says hello goes on', async () => {
  const { ready, other } = waiting()
  other.say(hello)
  await expect.poll(() => ready.length).toBe(1)
})

test('so does one of which the kernel says nothing: it is asked again', async () => {
  const { ready, other } = waiting({ unknown: true })
  other.say(hello)
  await expect.poll(() => ready.length).toBe(1)
})

test('one that may not take over is refused before it says a word', async () => {
  const { ready, other } = waiting({ denied: true })
  expect(await other.end()).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_BUSY' }])
  expect(ready).toEqual([])
})

test('one that comes too late is refused when it says hello', async () => {
  const { ready, other } = waiting({ free: false })
  other.say(hello)
  expect(await other.end()).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_BUSY' }])
  expect(ready).toEqual([])
})

test.each([
  ['says something else', (other: HandMade) => other.say({ type: 'release' })],
  ['says what is no message', (other: HandMade) => other.blurt(Buffer.from('GET / HTTP/1.1\r\n'))],
])('one that %s is hung up on', async (_, speak) => {
  const { ready, other } = waiting()
  speak(other)
  expect(await other.end()).toEqual([])
  expect(ready).toEqual([])
})

test('one that says nothing is hung up on in time', async () => {
  const { other, system } = waiting()
  system.advance(5_000)
  expect(await other.end()).toEqual([])
})

test.each<[OldState, string]>([
  ['stopping', 'ERR_HANDOFF_STOPPING'],
  ['drain', 'ERR_HANDOFF_BUSY'],
])('in %s another process is refused with %s', (state, code) => {
  const reason = new EndReason(() => ({ state, name: 'the new process (pid 7)' }))
  expect(reason.busy()).toMatchObject({ code, serving: 'old' })
})

test('without another reason the new process is gone, with the stage of the state', () => {
  const reason = new EndReason(() => ({ state: 'send', name: 'the new process (pid 7)' }))
  expect(reason.error).toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE', stage: 'send' })
  expect(reason.error.message).toContain('the new process (pid 7) is gone')
  reason.set(reason.stopping('this process is stopping'))
  expect(reason.error.code).toBe('ERR_HANDOFF_STOPPING')
  const cause = new Error('ENOTCONN')
  expect(reason.unidentified(cause)).toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE', cause })
})
