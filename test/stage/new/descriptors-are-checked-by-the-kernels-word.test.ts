// Stage receive: what the old process offers has to be what it says, or nothing is adopted.

import { once } from 'node:events'
import { openSync } from 'node:fs'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bindUdp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close, dup, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { HandoffErrorCode } from '../../../packages/handoff/src/terms/errors.ts'
import { begin, gaveUp, listener, owned } from '../support/offers.ts'
import type { Offer, OldPeer } from '../support/peers.ts'
import { openedSince, openSockets } from '../support/sockets.ts'

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

describe('after the commit, connections that are none', () => {
  async function serving() {
    const { old, next, started } = begin()
    const offer = listener()
    const peer = await old.send([offer, old.rendezvous])
    await started
    const server = await next.listen({ host: '127.0.0.1', port: offer.entry.port })
    const ready = next.handoff.ready()
    const { takes } = await peer.hear('ready')
    expect(takes).toEqual({ [offer.entry.key]: ['http'] })
    peer.say({ type: 'committed' })
    await ready
    const connections: unknown[] = []
    server.on('connection', (socket) => connections.push(socket))
    return { peer, next, offer, connections }
  }

  test.each<[string, (offer: Offer) => number]>([
    ['a listening socket', (offer) => offer.fd],
    ['a datagram socket', () => owned(bindUdp({ address: '127.0.0.1', port: 0 }))],
    ['a file', () => owned(openSync('/dev/null', 'r'))],
    ['a connection on a Unix path', () => socketPair().map(owned)[0] as number],
  ])('%s: the old process is let go, all of it is closed', async (_, make) => {
    const { peer, next, offer, connections } = await serving()
    const fd = make(offer)
    const before = openSockets()
    peer.say(
      { type: 'connections', key: offer.entry.key, kind: 'http', items: [{ idleMs: 5_000 }] },
      [fd],
    )
    // Released, it must not take back; the channel stays open, so that its end tells of our death.
    await peer.hear('adopted')
    await peer.hear('release')
    expect(openedSince(before)).toEqual([])
    expect(next.handoff.metrics()).toMatchObject({ stage: 'serving', connections: 0 })
    expect(connections).toEqual([])
    expect(next.system.exits).toEqual([])
  })

  test('for a listener that nobody has: they are closed, and that is all', async () => {
    const { peer, next } = await serving()
    const [one, other] = socketPair()
    owned(other)
    const before = openSockets()
    peer.say({ type: 'connections', key: 'tcp:*:1', kind: 'http', items: [{ idleMs: 5_000 }] }, [
      one,
    ])
    expect(await peer.hear('adopted')).toMatchObject({ received: 1 })
    expect(openedSince(before)).toEqual([])
    close(one)
    expect(next.handoff.metrics().connections).toBe(0)
  })
})
