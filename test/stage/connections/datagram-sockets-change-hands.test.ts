// UDP: one socket, two processes, and only one of them reads.

import dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { bindUdp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import type { BindSocketOptions } from '../../../packages/handoff/src/process/listen/adopt-socket.ts'
import { until } from '../../support/until.ts'
import { offerOf, owned } from '../support/offers.ts'
import { type Generation, openPlace } from '../support/place.ts'

/** A socket that notes what it gets. */
async function bound(
  generation: Generation,
  options: BindSocketOptions = { address: '127.0.0.1', port: 0 },
  type: dgram.SocketType = 'udp4',
) {
  const socket = generation.ownDatagram(dgram.createSocket(type))
  const received: string[] = []
  socket.on('message', (data) => received.push(String(data)))
  await generation.handoff.bind(socket, options)
  return { socket, received, at: socket.address() as AddressInfo }
}

async function serving() {
  const place = openPlace()
  const old = await place.start()
  const first = await bound(old)
  await old.handoff.ready()
  const client = old.ownDatagram(dgram.createSocket('udp4'))
  let count = 0
  const send = (text = `datagram ${++count}`) => {
    client.send(text, first.at.port, '127.0.0.1')
    return text
  }
  return { place, old, ...first, client, send }
}

test('every datagram is read by one process, whatever the moment', async () => {
  const { place, received, at, send } = await serving()
  const sent: string[] = []
  const burst = async () => {
    for (let count = 0; count < 20; count++) {
      sent.push(send())
      await new Promise(setImmediate)
    }
  }
  await burst()
  const next = await place.start()
  const second = await bound(next)
  await burst()
  await until('the old process has read them', () => received.length === 40)
  const ready = next.handoff.ready()
  await burst()
  await ready
  await burst()
  await until('all are read', () => received.length + second.received.length === sent.length)
  expect([...received, ...second.received].sort()).toEqual([...sent].sort())
  expect(second.at).toEqual(at)
  expect(second.received.length).toBeGreaterThanOrEqual(20)
})

test('what waits for its commit reads nothing, even where nobody else does', async () => {
  const place = openPlace()
  const old = place.oldPeer()
  const next = place.generation()
  const started = next.handoff.start()
  const offer = offerOf(owned(bindUdp({ address: '127.0.0.1', port: 0 })), { protocol: 'udp' })
  const { port } = offer.entry
  const peer = await old.send([offer, old.rendezvous])
  await started
  const { received } = await bound(next, { address: '127.0.0.1', port })
  const client = next.ownDatagram(dgram.createSocket('udp4'))
  const echo = await bound(next)
  const say = async (text: string, to: number) => {
    await new Promise((resolve) => client.send(text, to, '127.0.0.1', resolve))
  }
  await say('one', port)
  // It has had its turns of the loop when a later datagram to a free socket has not come either.
  await say('two', echo.at.port)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect([...received, ...echo.received]).toEqual([])
  const ready = next.handoff.ready()
  await peer.hear('ready')
  peer.say({ type: 'committed' })
  await ready
  await until('both are read', () => received.length + echo.received.length === 2)
  expect(received).toEqual(['one'])
})

test('an abort leaves the old process reading', async () => {
  const { place, old, received, send } = await serving()
  const next = await place.start()
  const second = await bound(next)
  next.handoff.abort(new Error('no database'))
  await old.told('aborted')
  second.socket.close()
  send('one')
  await until('it is read', () => received.length === 1)
  expect(second.received).toEqual([])
})

describe('the place', () => {
  test.each<[string, BindSocketOptions, dgram.SocketType]>([
    ['every IPv4 address', { port: 0 }, 'udp4'],
    ['every IPv6 address', { port: 0 }, 'udp6'],
    ['IPv6 alone', { port: 0, ipv6Only: true }, 'udp6'],
    ['a name, in the family of the socket', { address: 'localhost', port: 0 }, 'udp4'],
    ['an IPv6 address', { address: '::1', port: 0 }, 'udp6'],
  ])('%s: as of Node, and kept', async (_, options, type) => {
    const place = openPlace()
    const old = await place.start()
    const first = await bound(old, options, type)
    await old.handoff.ready()
    const byNode = old.ownDatagram(
      dgram.createSocket({ type, ipv6Only: options.ipv6Only ?? false }),
    )
    byNode.bind(options.port, options.address)
    await once(byNode, 'listening')
    expect({ ...first.at, port: 0 }).toEqual({ ...byNode.address(), port: 0 })
    const next = await place.start()
    expect((await bound(next, options, type)).at).toEqual(first.at)
  })

  test('taken by somebody else is an error as of Node', async () => {
    const { place, at } = await serving()
    const other = await place.start({ rendezvousPath: place.path('another.sock') })
    await expect(bound(other, { address: '127.0.0.1', port: at.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: '127.0.0.1',
      port: at.port,
    })
  })

  test.each([-1, 65_536, 1.5, Number.NaN, undefined, '53'])('port %s is no port', async (port) => {
    const generation = await openPlace().start()
    const failed = bound(generation, { address: '127.0.0.1', port: port as number })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_HANDOFF_INVALID_OPTION' })
  })
})

test('a socket that is bound already is refused, and stays bound', async () => {
  const generation = await openPlace().start()
  const { socket, at } = await bound(generation)
  const again = generation.handoff.bind(socket, { address: '127.0.0.1', port: 0 })
  await expect(again).rejects.toMatchObject({ code: 'ERR_SOCKET_ALREADY_BOUND' })
  expect(socket.address()).toEqual(at)
  expect(generation.handoff.metrics().listeners).toHaveLength(1)
})

describe('the application closes its socket', () => {
  const closing = (socket: dgram.Socket) =>
    new Promise<void>((resolve) => socket.close(() => resolve()))

  test('while it serves: the port is free, and no longer on offer', async () => {
    const { place, old, socket, at } = await serving()
    await closing(socket)
    expect(old.handoff.metrics().listeners).toEqual([])
    const other = old.ownDatagram(dgram.createSocket('udp4'))
    other.bind(at.port, '127.0.0.1')
    await once(other, 'listening')
    expect((await place.newPeer().receive()).listeners).toHaveLength(1)
  })

  test('while it waits: the old process reads on', async () => {
    const { place, received, send } = await serving()
    const next = await place.start()
    const { socket } = await bound(next)
    await closing(socket)
    send()
    await until('it is read', () => received.length === 1)
  })

  test('while it is shut: the process ends all the same', async () => {
    const { place, old, socket } = await serving()
    await place.newPeer().takeOver()
    await closing(socket)
    old.system.advance(5_000)
    expect(await old.exit()).toBe(0)
  })
})

describe('the program closes its socket', () => {
  test('in its own `listening` event: the address is free', async () => {
    const generation = await openPlace().start()
    const address = { address: '127.0.0.1', port: 0 }
    const { at, socket } = await bound(generation, address)
    socket.close()
    const again = { ...address, port: at.port }
    for (let count = 0; count < 3; count++) {
      const probe = generation.ownDatagram(dgram.createSocket('udp4'))
      probe.once('listening', () => probe.close())
      await generation.handoff.bind(probe, again)
    }
    expect(generation.handoff.metrics().listeners).toEqual([])
    const plain = generation.ownDatagram(dgram.createSocket('udp4'))
    plain.bind(at.port, '127.0.0.1')
    await once(plain, 'listening')
  })

  test('before it is bound: nothing is bound', async () => {
    const generation = await openPlace().start()
    const socket = dgram.createSocket('udp4')
    const listening: unknown[] = []
    socket.on('listening', () => listening.push(socket))
    const binding = generation.handoff.bind(socket, { address: '127.0.0.1', port: 0 })
    socket.close()
    await binding
    expect(listening).toEqual([])
    expect(generation.handoff.metrics().listeners).toEqual([])
  })

  test('by the method of its class, or by disposing of it', async () => {
    const generation = await openPlace().start()
    const closes = [
      (socket: dgram.Socket) => dgram.Socket.prototype.close.call(socket),
      (socket: dgram.Socket) => socket[Symbol.asyncDispose](),
    ]
    for (const close of closes) {
      const { socket } = await bound(generation)
      expect(Reflect.ownKeys(socket)).toEqual(Reflect.ownKeys(dgram.createSocket('udp4').unref()))
      await close(socket)
      expect(generation.handoff.metrics().listeners).toEqual([])
    }
  })
})
