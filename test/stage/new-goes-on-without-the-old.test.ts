// The old process dies, gives up or talks nonsense: what the new one makes of it at every step.

import { once } from 'node:events'
import { openSync } from 'node:fs'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HandoffErrorCode } from '../../packages/handoff/src/errors.ts'
import { bindTcp, bindUdp } from '../../packages/handoff/src/io/bind.ts'
import {
  close,
  describe as describeDescriptor,
  dup,
} from '../../packages/handoff/src/io/descriptors.ts'
import { encode } from '../../packages/handoff/src/protocol/codec.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'
import { ask, type Where, whereIs } from './clients.ts'
import type { Offer, OldPeer } from './peers.ts'
import { type Generation, openPlace, type Place } from './place.ts'
import { inodeOf, listeningInode, openedSince, openSockets } from './sockets.ts'

/** What the test itself holds open as the old process. */
function owned(fd: number): number {
  onTestFinished(() => close(fd))
  return fd
}

/** A listening socket to offer; what it claims to be may be something else. */
function listener(entry: Partial<Offer['entry']> = {}): Offer {
  const fd = owned(bindTcp({ address: '127.0.0.1', port: 0 }))
  return offerOf(fd, entry)
}

function offerOf(fd: number, entry: Partial<Offer['entry']> = {}): Offer {
  const { address, port, ipv6Only } = describeDescriptor(fd)
  const key = `tcp:${address}:${port}`
  return { entry: { key, protocol: 'tcp', address, port, ipv6Only, ...entry }, fd }
}

function begin(place: Place = openPlace()) {
  const old = place.oldPeer()
  const next = place.generation({ readyTimeoutMs: 1_000 })
  const started = next.handoff.start()
  started.catch(() => {})
  return { place, old, next, started }
}

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

/** How far the old process comes before it fails. */
const progress: Record<string, (old: OldPeer, next: Generation) => Promise<unknown>> = {
  discover: async (old) => (await old.peer()).hear('hello'),
  receive: async (old, next) => {
    const offer = listener()
    const peer = await old.offer([offer, old.rendezvous])
    peer.say({ type: 'listeners', first: 0 }, [offer.fd])
    await next.reaches('receive')
  },
  adopt: async (old, next) => {
    await old.send([listener(), old.rendezvous])
    await next.reaches('adopt')
  },
  ready: async (old, next) => {
    const peer = await old.send([listener(), old.rendezvous])
    await next.reaches('adopt')
    void next.handoff.ready().catch(() => {})
    await peer.hear('ready')
  },
}

/** It gave up: typed, told to everyone, and nothing of the old process is left open in it. */
async function gaveUp(
  next: Generation,
  started: Promise<void>,
  stage: string,
  code: HandoffErrorCode,
): Promise<void> {
  expect(await next.told('aborted')).toMatchObject({ code, stage, serving: 'old' })
  const fields = { code, stage, serving: 'old' }
  await expect(next.handoff.ready()).rejects.toMatchObject(fields)
  if (stage === 'discover' || stage === 'receive') {
    // Whoever creates the handoff is told, and decides.
    await expect(started).rejects.toMatchObject(fields)
    expect(next.system.exits).toEqual([])
  } else expect(next.system.exits).toEqual([1])
}

describe.each(Object.entries(progress))(
  'in %s, the new process gives up when',
  (stage, advance) => {
    test('the old one gives up', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      peer.say({
        type: 'abort',
        code: 'ERR_HANDOFF_STOPPING',
        reason: 'cannot hand over: it stops',
      })
      await gaveUp(next, started, stage, 'ERR_HANDOFF_STOPPING')
      expect((await peer.end()).map(({ type }) => type)).not.toContain('abort')
    })

    test('the old one says what is no message, with descriptors on it', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      const before = openSockets()
      peer.blurt(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), [old.rendezvous.fd])
      await gaveUp(next, started, stage, 'ERR_HANDOFF_PROTOCOL')
      expect((await peer.end()).at(-1)).toMatchObject({
        type: 'abort',
        code: 'ERR_HANDOFF_PROTOCOL',
      })
      expect(openedSince(before)).toEqual([])
    })

    test('the old one says something out of turn', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      peer.say({ type: 'drained', drained: 0, handedOver: 0, forced: 0 })
      await gaveUp(next, started, stage, 'ERR_HANDOFF_PROTOCOL')
    })

    test('the old one says nothing more', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      // A second for all up to ready; ten for the commit.
      next.system.advance(stage === 'ready' ? 9_999 : 999)
      expect(next.all('aborted')).toEqual([])
      next.system.advance(1)
      await gaveUp(next, started, stage, 'ERR_HANDOFF_TIMEOUT')
      const heard = await (await old.peer()).end()
      expect(heard.at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT' })
    })
  },
)

describe.each(['adopt', 'ready'])('in %s, the new process gives up when', (stage) => {
  async function advance() {
    const { old, next, started } = begin()
    await (progress[stage] as (typeof progress)[string])(old, next)
    return { peer: await old.peer(), next, started }
  }

  test('its application says that it failed', async () => {
    const { peer, next, started } = await advance()
    const cause = new Error('no database')
    next.handoff.fail(cause)
    await gaveUp(next, started, stage, 'ERR_HANDOFF_APP_FAILED')
    await expect(next.handoff.ready()).rejects.toMatchObject({ cause })
    const heard = (await peer.end()).at(-1)
    expect(heard).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_APP_FAILED' })
    expect(JSON.stringify(heard)).toContain('no database')
    expect(next.system.warnings.join()).toContain('no database')
  })

  test.each<[HandoffErrorCode, Parameters<Generation['system']['die']>[0]]>([
    ['ERR_HANDOFF_APP_FAILED', { error: new Error('no database') }],
    ['ERR_HANDOFF_EXITED', { code: 3 }],
  ])('it dies: %s', async (code, death) => {
    const { peer, next } = await advance()
    next.system.die(death)
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code })
    expect(next.all('aborted')).toMatchObject([{ code, serving: 'old' }])
  })

  test('it is told to stop', async () => {
    const { peer, next } = await advance()
    void next.handoff.stop()
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_STOPPING' })
    expect(next.all('aborted')).toMatchObject([{ code: 'ERR_HANDOFF_STOPPING', serving: 'old' }])
    expect(await next.exit()).toBe(1)
  })
})

test('a listen that failed is told as what it was, when the process ends by it', async () => {
  const { old, next } = begin()
  const taken = listener()
  await old.send([old.rendezvous])
  await next.reaches('adopt')
  const error = await next
    .listen({ host: '127.0.0.1', port: taken.entry.port })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'EADDRINUSE' })
  next.system.die({ error })
  expect((await (await old.peer()).end()).at(-1)).toMatchObject({
    type: 'abort',
    code: 'ERR_HANDOFF_LISTEN_FAILED',
  })
})

describe('a manifest that cannot be', () => {
  const offered = (...entries: Offer['entry'][]) => ({
    type: 'manifest' as const,
    version: 1,
    generation: 1,
    pid: 7,
    listeners: entries,
  })

  test.each<[string, HandoffErrorCode, (old: OldPeer) => ReturnType<typeof offered>]>([
    [
      'another version',
      'ERR_HANDOFF_VERSION',
      (old) => ({ ...offered(old.rendezvous.entry), version: 0 }),
    ],
    ['no rendezvous socket', 'ERR_HANDOFF_DESCRIPTOR_MISMATCH', () => offered(listener().entry)],
    ['nothing at all', 'ERR_HANDOFF_DESCRIPTOR_MISMATCH', () => offered()],
    [
      'a key twice',
      'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
      (old) => offered(old.rendezvous.entry, old.rendezvous.entry),
    ],
  ])('%s', async (_, code, manifest) => {
    const { old, next, started } = begin()
    const peer = await old.peer()
    await peer.hear('hello')
    peer.say(manifest(old))
    await gaveUp(next, started, 'receive', code)
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code })
  })
})

describe('descriptors that are not what the manifest says', () => {
  async function refusesBatch(offer: Offer, fds = [offer.fd], first = 0): Promise<void> {
    const { old, next, started } = begin()
    const peer = await old.offer([offer, old.rendezvous])
    const before = openSockets()
    peer.say({ type: 'listeners', first }, fds)
    await gaveUp(next, started, 'receive', 'ERR_HANDOFF_DESCRIPTOR_MISMATCH')
    await peer.end()
    expect(openedSince(before)).toEqual([])
  }

  test.each<[string, () => Offer]>([
    ['another port', () => listener({ port: 1 })],
    ['another address', () => listener({ address: '127.0.0.2' })],
    ['another family', () => listener({ address: '::1' })],
    ['IPv6 alone', () => listener({ ipv6Only: true })],
    ['UDP', () => listener({ protocol: 'udp' })],
    ['a Unix path', () => listener({ protocol: 'unix', address: '/run/app.sock' })],
    ['a file', () => ({ ...listener(), fd: owned(openSync('/dev/null', 'r')) })],
  ])('%s', (_, offer) => refusesBatch(offer()))

  test('a connection, which does not listen', async () => {
    const offer = listener()
    const { host, port } = { host: offer.entry.address, port: offer.entry.port }
    const socket = net.connect(port, host)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const { _handle } = socket as net.Socket & { _handle: { fd: number } }
    const { localAddress, localPort } = socket
    const place = { address: localAddress as string, port: localPort as number }
    await refusesBatch({ entry: { ...offer.entry, ...place }, fd: owned(dup(_handle.fd)) })
  })

  test('UDP for TCP on the same port', async () => {
    const { entry } = listener()
    const fd = owned(bindUdp({ address: entry.address, port: entry.port }))
    await refusesBatch({ entry, fd })
  })

  test('a batch that is empty', () => refusesBatch(listener(), []))
  test('a batch that begins elsewhere', () => refusesBatch(listener(), undefined, 1))
  test('more than the manifest has', () => {
    const offer = listener()
    return refusesBatch(offer, [offer.fd, offer.fd, offer.fd])
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

test('a refusal reaches whoever creates the handoff, as its own type and words', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  await peer.hear('hello')
  peer.say({ type: 'refuse', code: 'ERR_HANDOFF_PEER_DENIED', reason: 'cannot hand over: no' })
  await gaveUp(next, started, 'discover', 'ERR_HANDOFF_PEER_DENIED')
  await expect(started).rejects.toThrow('cannot hand over: no')
})

test('a code of a later release is no reason to believe that nothing happened', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  await peer.hear('hello')
  peer.say({ type: 'refuse', code: 'ERR_HANDOFF_TIRED', reason: 'cannot hand over: tired' })
  await gaveUp(next, started, 'discover', 'ERR_HANDOFF_PEER_GONE')
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
