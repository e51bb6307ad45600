// The mark: what a process has said of its end is found by the other side, however late that looks.

import { describe, expect, test, vi } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { Mark } from '../../../packages/handoff/src/io/channel/mark.ts'
import type { Wire, WireHandlers } from '../../../packages/handoff/src/io/channel/wire.ts'
import { close, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Birth } from '../../../packages/handoff/src/new/birth.ts'
import { Takeover } from '../../../packages/handoff/src/new/takeover.ts'
import { rendezvousKey } from '../../../packages/handoff/src/protocol/manifest.ts'
import type { RestMessage } from '../../../packages/handoff/src/protocol/messages.ts'
import { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { noEffects } from '../../support/effects.ts'
import { until } from '../../support/until.ts'
import { ask, whereIs } from '../support/clients.ts'
import { inDrain, inGuard, inLinger } from '../support/committed.ts'
import { FakeSystem } from '../support/fake-system.ts'
import { begin, listener } from '../support/offers.ts'
import type { NewPeer } from '../support/peers.ts'
import { openPlace } from '../support/place.ts'

const states = [
  ['drain', inDrain],
  ['guard', inGuard],
  ['linger', inLinger],
] as const

/** Says more than the channel holds: the rest stays with the peer, and is lost when that dies. */
function sayMoreThanIsRead(peer: NewPeer): void {
  const item = { idleMs: 5_000 }
  const rests = Array.from({ length: 1_000 }, (_, number): RestMessage => {
    return { number, read: 1, written: 1, item }
  })
  for (let count = 0; count < 10; count++) peer.say({ type: 'rested', rests })
}

describe.each(states)('in %s', (_, commit) => {
  test('a release that is stuck behind what was not read in time is kept all the same', async () => {
    const { old, peer, request } = await commit({ mark: true })
    // All of this in one turn: the old process reads nothing of it before the other is dead.
    sayMoreThanIsRead(peer)
    peer.leave('released')
    peer.say({ type: 'release' })
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
  })

  test('a release by the mark alone is heard at once', async () => {
    const { old, peer, request } = await commit({ mark: true })
    peer.leave('released')
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
  })

  test('a death without a release is taken back from', async () => {
    const { old, server, peer, request } = await commit({ mark: true })
    sayMoreThanIsRead(peer)
    peer.die()
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    request?.finish()
    await request?.answer
  })
})

describe('probation', () => {
  test('is not over before the new process serves', async () => {
    const { old, peer, server } = await inGuard({ mark: true })
    old.system.advance(60_000)
    expect(old.handoff.metrics().stage).toBe('drain')
    peer.die()
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('begins when the new process serves, if that takes longer', async () => {
    const { old, peer } = await inGuard({ mark: true })
    old.system.advance(60_000)
    const { pendingTimers } = old.system
    peer.leave('serves')
    await until('probation begins', () => old.system.pendingTimers > pendingTimers)
    old.system.advance(4_999)
    expect(old.handoff.metrics().stage).toBe('drain')
    old.system.advance(1)
    expect(await old.exit()).toBe(0)
  })

  test('that ends before the death of the new process was noticed ends nothing', async () => {
    const { old, peer, server } = await inGuard({ mark: true })
    peer.leave('serves')
    peer.die()
    old.system.advance(5_000)
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.system.exits).toEqual([])
  })
})

test('the last connection ends before the death of the new process was noticed: it takes back', async () => {
  const { old, peer, server, request } = await inLinger({ mark: true })
  peer.die()
  request?.finish()
  await old.told('taken-back')
  expect(await ask(whereIs(server))).toBe(String(old.system.pid))
})

describe('an old process that aborted, and then ended', () => {
  test.each(['before ready', 'after ready'])(
    'is not dead to a new one that finds no abort: %s',
    async (when) => {
      const { old, next, started } = begin()
      const peer = await old.peer()
      const { mark, other } = Mark.pair()
      const offer = listener()
      peer.say({ type: 'mark' }, [other])
      await old.send([offer, old.rendezvous])
      await started
      close(other)
      let ready: Promise<void> | undefined
      if (when === 'after ready') {
        await next.listen({ host: '127.0.0.1', port: offer.entry.port })
        ready = next.handoff.ready()
        ready.catch(() => {})
        await peer.hear('ready')
      }
      mark.write('aborted')
      mark.close()
      old.die()
      expect(await next.told('aborted')).toMatchObject({ serving: 'old' })
      expect(next.all('serving')).toEqual([])
      expect(next.system.exits).toEqual([1])
    },
  )
})

test('a new process whose old one has died does not give up because of its deadline', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  const { mark, other } = Mark.pair()
  const offer = listener()
  peer.say({ type: 'mark' }, [other])
  await old.send([offer, old.rendezvous])
  await started
  close(other)
  const server = await next.listen({ host: '127.0.0.1', port: offer.entry.port })
  const ready = next.handoff.ready()
  await peer.hear('ready')
  mark.close()
  old.die()
  next.system.advance(60_000)
  await ready
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
})

test('a process that goes on alone before the manifest knows of the older ones', async () => {
  const place = openPlace()
  const old = place.oldPeer()
  const next = place.generation()
  let leads = false
  next.handoff.leadership.then(() => {
    leads = true
  })
  const started = next.handoff.start()
  const peer = await old.peer()
  await peer.hear('hello')
  const [life, copy] = socketPair().map((fd) => Channel.from(fd)) as [Channel, Channel]
  peer.say({ type: 'older', processes: [{ pid: 1, generation: 1 }] }, [copy.fd])
  old.die()
  copy.close()
  await started
  await next.handoff.ready()
  await new Promise(setImmediate)
  expect(leads).toBe(false)
  life.close()
  await until('it leads', () => leads)
})

describe('with an old process that knows no mark', () => {
  const turn = () => new Promise(setImmediate)

  /** Serves, in place of an old process whose kernel takes a message when the test says so. */
  function serveInPlace() {
    let take = () => {}
    const system = new FakeSystem()
    const takeover = new Takeover({
      system,
      accepts: [],
      effects: { ...noEffects('new'), 'send-release': () => takeover.release() },
      receive: () => {},
      onManifest: () => {},
      onState: () => {},
    })
    let read: WireHandlers['onFrame'] = () => {}
    const wire = {
      start({ onFrame }: WireHandlers) {
        read = onFrame
      },
      send: () => new Promise<void>((resolve) => (take = resolve)),
    }
    takeover.connect(new Peer('new', wire as unknown as Wire, system))
    const entry = { key: rendezvousKey, protocol: 'unix', address: '/run/it' } as const
    const listeners = [{ ...entry, port: 0, ipv6Only: false }]
    const manifest = { type: 'manifest', version: 1, generation: 1, pid: 7, listeners } as const
    read({ message: { ...manifest, listeners }, descriptors: [] })
    takeover.dispatch('complete')
    takeover.dispatch('ready')
    read({ message: { type: 'committed' }, descriptors: [] })
    expect(takeover.state).toBe('serving')
    return { takeover, take: () => take() }
  }

  test('a release holds when the kernel has it', async () => {
    const { takeover, take } = serveInPlace()
    takeover.dispatch('succeeded')
    let holds = false
    takeover.releasing?.then(() => {
      holds = true
    })
    await turn()
    expect(holds).toBe(false)
    take()
    await turn()
    expect(holds).toBe(true)
  })

  /** A process that serves, whose release waits until `take`; and a peer that has said hello. */
  async function serveBehindOne() {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    let take = () => {}
    const releasing = new Promise<void>((resolve) => (take = resolve))
    vi.spyOn(Birth.prototype, 'releaseOld').mockReturnValueOnce(releasing)
    const peer = place.newPeer()
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    await old.reaches('send')
    await turn()
    expect(peer.heard('manifest')).toBeUndefined()
    return { old, server, peer, take }
  }

  test('the manifest of the next handoff waits for that', async () => {
    const { peer, take } = await serveBehindOne()
    take()
    await peer.hear('manifest')
  })

  test('the next handoff aborts if that takes too long, and this process serves on', async () => {
    const { old, server, peer, take } = await serveBehindOne()
    old.system.advance(60_000)
    expect(await peer.hear('abort')).toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
    take()
    await turn()
    expect(peer.heard('manifest')).toBeUndefined()
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })
})

test('what is no mark is refused', async () => {
  const { old, started } = begin()
  const peer = await old.peer()
  peer.say({ type: 'mark' }, [old.rendezvous.fd])
  await expect(started).rejects.toMatchObject({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' })
})
