// Before the commit the old process has never stopped accepting, however the new one fails.

import { chmodSync, openSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { encode } from '../../../packages/handoff/src/protocol/codec.ts'
import type { HandoffErrorCode } from '../../../packages/handoff/src/terms/errors.ts'
import { until } from '../../support/until.ts'
import { ask, whereIs } from '../support/clients.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { inodeOf, listeningInode, openedSince, openSockets } from '../support/sockets.ts'

const nonsense = Buffer.from(`GET / HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(2))
const abort = { type: 'abort', code: 'ERR_HANDOFF_UNHEALTHY', reason: 'cannot serve: ill' } as const

/** How far the new process comes before it fails. */
const progress: Record<string, (peer: NewPeer) => Promise<unknown>> = {
  'connected, without a word': async () => {},
  'half a hello said': async (peer) =>
    peer.blurt(encode({ type: 'hello', versions: [1], pid: 7 }).subarray(0, 9)),
  'the manifest heard': (peer) => peer.discover(),
  'some listeners acked': async (peer) => {
    await peer.discover()
    await peer.hear('listeners')
    peer.say({ type: 'ack', received: peer.received })
  },
  'all listeners received': (peer) => peer.receive(),
}

/** Enough listeners that two batches do not hold them. */
const manyListeners = Array.from({ length: 520 }, () => ({ host: '127.0.0.1', port: 0 }))

async function serve(many = false) {
  const place = openPlace()
  const { generation: old, server } = await place.serve(
    { readyTimeoutMs: 1_000 },
    ...(many ? manyListeners : []),
  )
  const quiet = openSockets()

  /** It serves, tells why the handoff ended, keeps nothing of it, and the next one succeeds. */
  const servesOn = async (code: HandoffErrorCode) => {
    expect(await old.told('aborted')).toMatchObject({ code, serving: 'old', generation: 1 })
    expect(old.handoff.metrics()).toMatchObject({
      stage: 'serving',
      handoffs: { completed: 0, aborted: 1, takenBack: 0 },
    })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.all('aborted')).toHaveLength(1)
    expect(old.system.exits).toEqual([])
    await place.newPeer().takeOver()
    expect(old.all('stage').at(-1)?.stage).toBe('drain')
  }
  return { place, old, server, quiet, servesOn }
}

/** Once the peer's own descriptors are gone, so must be everything that the handoff opened. */
async function leavesNothing(quiet: ReadonlyMap<string, number>): Promise<void> {
  await until('nothing of the handoff is left open', () => openedSince(quiet).length === 0)
}

describe.each(Object.entries(progress))('the new process, %s,', (name, advance) => {
  const many = name.startsWith('some')

  test('dies', async () => {
    const { place, quiet, servesOn } = await serve(many)
    const peer = place.newPeer()
    await advance(peer)
    peer.die()
    await leavesNothing(quiet)
    await servesOn('ERR_HANDOFF_PEER_GONE')
  })

  test('gives up, and says why', async () => {
    const { place, old, servesOn } = await serve(many)
    const peer = place.newPeer()
    await advance(peer)
    if (name.startsWith('half'))
      peer.blurt(encode({ type: 'hello', versions: [1], pid: 7 }).subarray(9))
    peer.say(abort)
    await peer.end()
    await servesOn('ERR_HANDOFF_UNHEALTHY')
    expect(old.all('aborted')[0]?.message).toBe(abort.reason)
  })

  test('says what is no message, with descriptors on it', async () => {
    const { place, quiet, servesOn } = await serve(many)
    const peer = place.newPeer()
    await advance(peer)
    const stray = openSync('/dev/null', 'r')
    peer.blurt(nonsense, [stray, stray])
    close(stray)
    const heard = await peer.end()
    expect(heard.at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_PROTOCOL' })
    peer.die()
    await leavesNothing(quiet)
    await servesOn('ERR_HANDOFF_PROTOCOL')
  })

  test('says nothing more', async () => {
    const { place, old, servesOn } = await serve(many)
    const peer = place.newPeer()
    await advance(peer)
    await old.reaches(/^(connected|half)/.test(name) ? 'offer' : 'send')
    old.system.advance(5_000)
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT' })
    await servesOn('ERR_HANDOFF_TIMEOUT')
  })
})

describe('the new process breaks the protocol:', () => {
  test.each<[string, (peer: NewPeer) => void | Promise<void>]>([
    ['an ack before hello', (peer) => peer.say({ type: 'ack', received: 0 })],
    ['ready before hello', (peer) => peer.say({ type: 'ready', claimed: [], takes: {} })],
    ['a message of the other side', (peer) => peer.say({ type: 'committed' })],
    ['release', (peer) => peer.say({ type: 'release' })],
    [
      'hello twice',
      async (peer) => {
        await peer.discover()
        peer.say({ type: 'hello', versions: [1], pid: 7 })
      },
    ],
    [
      'ready before every descriptor is acked',
      async (peer) => {
        await peer.discover()
        peer.say({ type: 'ready', claimed: [], takes: {} })
      },
    ],
    [
      'an ack of more than was sent',
      async (peer) => {
        await peer.discover()
        peer.say({ type: 'ack', received: 99 })
      },
    ],
    [
      'an ack of nothing',
      async (peer) => {
        await peer.discover()
        peer.say({ type: 'ack', received: 0 })
      },
    ],
    [
      'the same ack twice',
      async (peer) => {
        const { listeners } = await peer.receive()
        peer.say({ type: 'ack', received: listeners.length })
      },
    ],
    [
      'adopted before the commit',
      async (peer) => {
        await peer.receive()
        peer.say({ type: 'adopted', received: 0 })
      },
    ],
  ])('%s', async (_, act) => {
    const { place, servesOn } = await serve()
    const peer = place.newPeer()
    await act(peer)
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_PROTOCOL' })
    await servesOn('ERR_HANDOFF_PROTOCOL')
  })

  test('descriptors on a message that has none are closed', async () => {
    const { place, quiet, servesOn } = await serve()
    const peer = place.newPeer()
    await peer.receive()
    const copy = peer.descriptors[0] as number
    peer.say({ type: 'ack', received: 99 }, [copy, copy, copy])
    await peer.end()
    peer.die()
    await leavesNothing(quiet)
    await servesOn('ERR_HANDOFF_PROTOCOL')
  })
})

describe('refuses', () => {
  afterEach(() => void process.seteuid?.(realUid))
  const realUid = process.geteuid?.() ?? -1

  /** Connects as another user: the kernel notes who it is at this very moment. */
  function connectAsStranger(place: Place, old: Generation): NewPeer {
    // Only root can become somebody else; for anybody else the old process does.
    if (realUid !== 0) {
      old.system.uid += 1
      return place.newPeer()
    }
    chmodSync(place.directory, 0o755)
    chmodSync(place.rendezvous, 0o666)
    process.seteuid?.(65_534)
    const peer = place.newPeer()
    process.seteuid?.(realUid)
    return peer
  }

  test('another user, before a byte is read', async () => {
    const { place, old, servesOn } = await serve()
    const { uid } = old.system
    const peer = connectAsStranger(place, old)
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    const heard = await peer.end()
    expect(heard).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_PEER_DENIED' }])
    old.system.uid = uid
    await servesOn('ERR_HANDOFF_PEER_DENIED')
  })

  test('no user that the operator lists', async () => {
    const place = openPlace()
    const allowUids = [realUid === 0 ? 65_534 : realUid]
    const { generation } = await place.serve({ allowUids })
    await connectAsStranger(place, generation).takeOver()
  })

  test.each([[[0]], [[]], [[0, 999]]])('a peer that speaks versions %o', async (versions) => {
    const { place, servesOn } = await serve()
    const peer = place.newPeer()
    peer.say({ type: 'hello', versions, pid: 7 })
    const heard = await peer.end()
    expect(heard).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_VERSION' }])
    await servesOn('ERR_HANDOFF_VERSION')
  })

  test('a second peer while the first has its listeners', async () => {
    const { place, old } = await serve()
    const first = place.newPeer()
    await first.receive()
    await old.reaches('send')
    const second = place.newPeer()
    second.say({ type: 'hello', versions: [1], pid: 7 })
    const heard = await second.end()
    expect(heard).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_BUSY' }])

    // The first one has noticed nothing of it.
    first.say({ type: 'ready', claimed: [], takes: {} })
    await first.hear('committed')
    expect(old.all('aborted')).toEqual([])
  })
})

describe('a peer that connects and does not say hello keeps nobody out:', () => {
  test('the one that says hello first is served, and the silent one is refused', async () => {
    const { place, old } = await serve()
    const stray = place.newPeer()
    await old.reaches('offer')
    await place.newPeer().takeOver()
    expect(await stray.end()).toMatchObject([{ type: 'refuse', code: 'ERR_HANDOFF_BUSY' }])
    expect(old.all('aborted')).toEqual([])
  })

  test('one that waits, and says hello when the first has gone, is served', async () => {
    const { place, old } = await serve()
    const stray = place.newPeer()
    await old.reaches('offer')
    const second = place.newPeer()
    const third = place.newPeer()
    third.say({ type: 'ack', received: 1 })
    await third.end() // So the second has been accepted.
    stray.die()
    await old.told('aborted')
    await second.takeOver()
  })

  test.each<[string, (stray: NewPeer) => unknown]>([
    ['goes away', (stray) => stray.die()],
    ['says nonsense', (stray) => stray.blurt(nonsense)],
    ['says another message', (stray) => stray.say({ type: 'release' })],
  ])('a second one that %s changes nothing for the first', async (_, act) => {
    const { place, old } = await serve()
    const first = place.newPeer()
    await old.reaches('offer')
    const stray = place.newPeer()
    act(stray)
    if (!stray.over) await stray.end()
    await first.takeOver()
    expect(old.all('aborted')).toEqual([])
    stray.die()
    first.die()
  })

  test('a second one that is silent is hung up on in time', async () => {
    const { place, old } = await serve()
    await place.newPeer()
    await old.reaches('offer')
    const second = place.newPeer()
    const third = place.newPeer()
    third.say({ type: 'ack', received: 1 })
    await third.end() // So the second has been accepted.
    old.system.advance(5_000)
    expect(await second.end()).toEqual([])
  })

  test('of many the oldest are refused, and the one that says hello is served', async () => {
    const { place, old } = await serve()
    await place.newPeer()
    await old.reaches('offer')
    const strays = Array.from({ length: 17 }, () => place.newPeer())
    expect(await strays[0]?.end()).toMatchObject([{ code: 'ERR_HANDOFF_BUSY' }])
    await place.newPeer().takeOver()
    expect(old.all('aborted')).toEqual([])
  })
})

test('an abort names the process that had connected, by the word of the kernel', async () => {
  const { place, old } = await serve()
  const peer = place.newPeer()
  peer.say({ type: 'hello', versions: [1], pid: 7 })
  await peer.hear('manifest')
  peer.die()
  expect(await old.told('aborted')).toMatchObject({ peer: process.pid })
})

test('a peer that is refused learns why, whoever it is: a real new process', async () => {
  const { place, server, old } = await serve()
  const first = place.newPeer()
  await first.receive()
  const second = place.generation()
  await expect(second.handoff.start()).rejects.toMatchObject({
    code: 'ERR_HANDOFF_BUSY',
    stage: 'discover',
    serving: 'old',
  })
  expect(second.system.exits).toEqual([])
  expect(await ask(whereIs(server))).toBe(String(old.system.pid))
})

test('no more than two batches are on their way before the first ack', async () => {
  const { place, server } = await serve(true)
  const peer = place.newPeer()
  const { listeners } = await peer.discover()
  expect(listeners).toHaveLength(521)
  await peer.hear('listeners')
  await peer.hear('listeners')
  await ask(whereIs(server)) // It had time for more.
  expect(peer.descriptors).toHaveLength(500)
  peer.say({ type: 'ack', received: 250 })
  await peer.hear('listeners')
  expect(peer.received).toBe(521)
  peer.say({ type: 'ack', received: 500 })
  peer.say({ type: 'ack', received: 521 })
  peer.say({ type: 'ready', claimed: [], takes: {} })
  await peer.hear('committed')
})

test('the offered descriptors are the listeners themselves', async () => {
  const { place, server } = await serve()
  const peer = place.newPeer()
  const { listeners } = await peer.receive()
  const [listener] = listeners
  expect(inodeOf(peer.descriptorOf(listener?.key ?? ''))).toBe(listeningInode(server))
})
