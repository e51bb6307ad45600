// The old process dies, at every step: the new one makes the best of what it has.

import { describe, expect, test } from 'vitest'
import { encode } from '../../../packages/handoff/src/protocol/codec.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask, type Where, whereIs } from '../support/clients.ts'
import { begin, listener } from '../support/offers.ts'
import type { Offer } from '../support/peers.ts'
import type { Generation, Place } from '../support/place.ts'
import { inodeOf, listeningInode } from '../support/sockets.ts'

/** It answers at the same path: the next generation takes over from it. */
async function canBeReplaced(place: Place, next: Generation): Promise<void> {
  const { generation } = next.handoff
  const after = await place.start()
  expect(after.handoff.generation).toBe(generation + 1)
}

describe('the old process dies', () => {
  const placeOf = ({ entry }: Offer): Where => ({ host: entry.address, port: entry.port })

  test('before its manifest: the new one is the first generation', async () => {
    const { place, old, next, started } = begin()
    const peer = await old.peer()
    await peer.hear('hello')
    old.die()
    await started
    const server = await next.listen({ host: '127.0.0.1', port: 0 })
    await next.handoff.ready()
    expect(next.handoff.generation).toBe(1)
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
    await canBeReplaced(place, next)
  })

  test('with its manifest said and no descriptor sent: the new one binds by itself', async () => {
    const { place, old, next, started } = begin()
    const port = await freePort()
    const entry = { ...listener().entry, key: `tcp:127.0.0.1:${port}`, port }
    await old.offer([{ entry, fd: -1 }, old.rendezvous])
    await next.reaches('receive')
    old.die()
    await started
    const server = await next.listen({ host: '127.0.0.1', port })
    await next.handoff.ready()
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
    expect(next.handoff.generation).toBe(8)
    await canBeReplaced(place, next)
  })

  test('with some descriptors sent: the new one uses them', async () => {
    const { place, old, next, started } = begin()
    const offer = listener()
    const peer = await old.offer([offer, old.rendezvous])
    peer.say({ type: 'listeners', first: 0 }, [offer.fd])
    await peer.hear('ack')
    old.die()
    await started
    const server = await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    await next.handoff.ready()
    expect(await ask(placeOf(offer))).toBe(String(next.system.pid))
    expect(server.address()).toMatchObject({ port: offer.entry.port })
    await canBeReplaced(place, next)
  })

  test.each(['before its servers listen', 'while they wait'])(
    'with every descriptor sent, %s: they serve when ready',
    async (when) => {
      const { place, old, next, started } = begin()
      const offer = listener()
      await old.send([offer, old.rendezvous])
      await started
      const where = { host: '127.0.0.1', port: offer.entry.port }
      const inode = when.startsWith('before') ? undefined : await next.listen(where)
      old.die()
      await until(
        'it knows that it is alone',
        () => next.all('stage').at(-1)?.detail === 'no old process',
      )
      const server = inode ?? (await next.listen(where))
      // Who connects meanwhile waits in the queue for the ready.
      const answer = ask(placeOf(offer))
      await next.handoff.ready()
      expect(await answer).toBe(String(next.system.pid))
      expect(whereIs(server)).toEqual(placeOf(offer))
      await canBeReplaced(place, next)
    },
  )

  test('between ready and committed: the new one serves at once', async () => {
    const { place, old, next, started } = begin()
    const offer = listener()
    const peer = await old.send([offer, old.rendezvous])
    await started
    await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    const ready = next.handoff.ready()
    await peer.hear('ready')
    old.die()
    await ready
    expect(await ask(placeOf(offer))).toBe(String(next.system.pid))
    await canBeReplaced(place, next)
  })

  test('with unread words of the new one in its queue, which makes it a reset', async () => {
    const { place, old, next, started } = begin()
    const offer = listener()
    await old.send([offer, old.rendezvous])
    await started
    await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    const ready = next.handoff.ready()
    old.die() // Before it can have read the ready.
    await ready
    expect(await ask(placeOf(offer))).toBe(String(next.system.pid))
    await canBeReplaced(place, next)
  })

  test('after the commit: nothing happens', async () => {
    const { old, next, started } = begin()
    const offer = listener()
    const peer = await old.send([offer, old.rendezvous])
    await started
    await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    const ready = next.handoff.ready()
    await peer.hear('ready')
    peer.say({ type: 'committed' })
    await ready
    const told = next.events.length
    old.die()
    expect(await ask(placeOf(offer))).toBe(String(next.system.pid))
    expect(next.handoff.metrics().stage).toBe('serving')
    expect(next.events.slice(told)).toEqual([])
    expect(next.system.exits).toEqual([])
  })
})

test('a frame that is cut by the end of the stream is an end', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  await peer.hear('hello')
  peer.blurt(encode({ type: 'refuse', code: 'X', reason: 'x' }).subarray(0, 8))
  old.die()
  await started
  expect(next.handoff.generation).toBe(1)
})

describe('after the commit', () => {
  async function serving() {
    const { place, old, next, started } = begin()
    const offer = listener()
    const peer = await old.send([offer, old.rendezvous])
    await started
    const server = await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    const ready = next.handoff.ready()
    await peer.hear('ready')
    peer.say({ type: 'committed' })
    await ready
    return { place, peer, next, server, offer }
  }

  test('it serves on the very descriptor that it received', async () => {
    const { server, offer } = await serving()
    expect(listeningInode(server)).toBe(inodeOf(offer.fd))
  })

  test.each<[string, Parameters<Awaited<ReturnType<typeof serving>>['peer']['say']>[0]]>([
    ['breaks the protocol', { type: 'committed' }],
    ['gives up', { type: 'abort', code: 'ERR_HANDOFF_PROTOCOL', reason: 'cannot hand over: no' }],
  ])(
    'an old process that %s is told not to take back, and not heard any more',
    async (_, message) => {
      const { peer, next, server } = await serving()
      peer.say(message)
      await peer.hear('release')
      peer.say({ type: 'drained', drained: 0, handedOver: 0, forced: 7 })
      peer.blurt(Buffer.from('nonsense'))
      expect(await ask(whereIs(server))).toBe(String(next.system.pid))
      expect(next.all('warning')).toEqual([])
      // It lives, for all that the new process knows: the channel is open until it has gone.
      expect(peer.over).toBe(false)
      expect(await ask(whereIs(server))).toBe(String(next.system.pid))
      expect(next.system.exits).toEqual([])
    },
  )

  test('connections that were cut at the drain deadline of the old process are a warning', async () => {
    const { peer, next } = await serving()
    peer.say({ type: 'drained', drained: 1, handedOver: 0, forced: 0 })
    peer.say({ type: 'drained', drained: 1, handedOver: 0, forced: 2 })
    expect((await next.told('warning')).message).toContain('2 connections')
    expect(next.all('warning')).toHaveLength(1)
  })
})
