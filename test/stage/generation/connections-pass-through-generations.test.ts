// Handoffs that begin while older processes drain: connections of those go on to the newest process.

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { descriptorOf } from '../../../packages/handoff/src/io/node/internals/connection-handle.ts'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { whereIs } from '../support/clients.ts'
import { begin, listener } from '../support/offers.ts'
import { OneConnection } from '../support/one-connection.ts'
import type { NewPeer, Peer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { Client, serveWebSockets } from '../support/websockets.ts'

const key = 'tcp:127.0.0.1:0#1'

const pid = ({ system }: Generation) => String(system.pid)
const counts = (generation: Generation) => generation.all('drained')[0]?.counts
const next = async (place: Place) => (await place.serve()).generation

/** Turns of the event loop in which everything happens that can happen without another word. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

/** A process that a client keeps busy. */
async function serveBusy(place: Place, options?: HandoffOptions) {
  const { generation, server } = await place.serve(options)
  const client = new OneConnection(whereIs(server))
  const request = await client.askSlowly(generation)
  const finish = async () => {
    request.finish()
    expect(await request.answer).toBe('whole')
  }
  return { generation, server, client, finish }
}

describe('a connection that is busy two generations back', () => {
  test('goes to the newest process, and its client opens no other', async () => {
    const place = openPlace()
    const { generation: first, client, finish } = await serveBusy(place)
    const second = await next(place)
    const third = await next(place)
    await finish()
    await first.exit()
    await second.told('drained')
    expect(await client.ask()).toBe(pid(third))
    expect(client.opened).toBe(1)
    // Each process counts it once.
    for (const each of [first, second]) {
      expect(counts(each)).toEqual({ drained: 0, handedOver: 1, closed: 0, forced: 0 })
    }
    expect(third.handoff.metrics()).toMatchObject({ connections: 1, open: { http: 1 } })
  })

  test('goes through every process that has come meanwhile', async () => {
    const place = openPlace()
    const { generation: first, client, finish } = await serveBusy(place)
    const line = [first]
    for (let count = 0; count < 4; count++) line.push(await next(place))
    await finish()
    const last = line.pop() as Generation
    for (const each of line) await each.told('drained')
    expect(await client.ask()).toBe(pid(last))
    expect(client.opened).toBe(1)
  })

  test('is served on its way if its client speaks, and goes on then', async () => {
    const place = openPlace()
    const { generation: first, client, finish } = await serveBusy(place)
    const second = await next(place)
    const third = await next(place)
    await finish()
    for (let count = 0; count < 20; count++) {
      expect([first, second, third].map(pid)).toContain(await client.ask())
    }
    await second.told('drained')
    expect(await client.ask()).toBe(pid(third))
    expect(client.opened).toBe(1)
  })

  test('is a WebSocket, and takes its state along', async () => {
    const place = openPlace()
    let atRest = false
    const first = await serveWebSockets(place, {
      hooks: { atRest: () => atRest, export: () => 'state of the first' },
    })
    const client = await Client.connect(first.port)
    await client.ask('a')
    const imported: unknown[] = []
    const hooks = {
      export: () => 'state of the second',
      import: (_: unknown, __: unknown, state: unknown) => void imported.push(state),
    }
    const second = await serveWebSockets(place, { hooks })
    const third = await serveWebSockets(place, { hooks })
    atRest = true
    first.generation.handoff.recheck()
    await second.generation.told('drained')
    expect(imported).toEqual(['state of the first', 'state of the second'])
    expect(await client.ask('b')).toBe(`${third.generation.system.pid} b`)
    expect(client.closed).toBeUndefined()
  })
})

describe('a drained process with an older one before it', () => {
  test('stays until that one has drained', async () => {
    const place = openPlace()
    const { generation: first, finish } = await serveBusy(place)
    const second = await next(place)
    await next(place)
    second.system.advance(10_000)
    await turns()
    expect(second.all('drained')).toEqual([])
    await finish()
    await first.exit()
    await second.told('drained')
    expect(await second.exit()).toBe(0)
  })

  test('stays no longer than its own drain deadline', async () => {
    const place = openPlace()
    const { finish } = await serveBusy(place)
    const second = await next(place)
    await next(place)
    second.system.advance(29_999)
    await turns()
    expect(second.system.exits).toEqual([])
    second.system.advance(1)
    expect(await second.exit()).toBe(0)
    await finish()
  })

  test('does not stay when it is stopped', async () => {
    const place = openPlace()
    const { finish } = await serveBusy(place)
    const second = await next(place)
    await next(place)
    void second.handoff.stop()
    expect(await second.exit()).toBe(0)
    await finish()
  })

  test('does not stay when more than five older ones live', async () => {
    const place = openPlace()
    const { finish } = await serveBusy(place)
    const line: Generation[] = []
    for (let count = 0; count < 7; count++) line.push(await next(place))
    // Its probation: the others were released by a handoff.
    line[5]?.system.advance(5_000)
    expect(await line[5]?.exit()).toBe(0)
    await turns()
    for (const each of line.slice(0, 5)) expect(each.system.exits).toEqual([])
    await finish()
  })
})

/** A process by hand between an old one and none: it takes HTTP connections, and has been asked to hand over. */
async function between(accepts: string[]) {
  const place = openPlace()
  const { generation: old, client, finish } = await serveBusy(place)
  const peer = place.newPeer()
  peer.accepts.push('mark', ...accepts)
  await peer.takeOver([key], [key])
  peer.leave('serves')
  peer.leave('released')
  peer.say({ type: 'release' })
  await turns()
  return { old, client, finish, peer }
}

async function ack(peer: NewPeer): Promise<void> {
  const { items } = await peer.hear('connections')
  peer.say({ type: 'adopted', received: items.length })
}

describe('a released process', () => {
  test('hands over to a process that relays', async () => {
    const { old, finish, peer } = await between(['relay'])
    await finish()
    await ack(peer)
    expect(await peer.hear('drained')).toMatchObject({ handedOver: 1 })
    expect(await old.exit()).toBe(0)
  })

  test('hands nothing over to a process that does not', async () => {
    const { old, client, finish, peer } = await between([])
    await finish()
    await turns()
    expect(peer.heard('connections')).toBeUndefined()
    expect(await client.ask()).toBe(pid(old))
    expect(await peer.hear('drained')).toMatchObject({ handedOver: 0, drained: 1 })
    expect(await old.exit()).toBe(0)
  })

  test.each(['declines', 'dies'])('serves what was not acked when the other %s', async (how) => {
    const { old, client, finish, peer } = await between(['relay'])
    await finish()
    await peer.hear('connections')
    if (how === 'dies') peer.die()
    else peer.say({ type: 'declined' })
    expect(await client.ask()).toBe(pid(old))
    expect(client.opened).toBe(1)
    await old.told('drained')
    expect(counts(old)).toEqual({ drained: 0, handedOver: 0, closed: 1, forced: 0 })
    expect(old.all('taken-back')).toEqual([])
    expect(await old.exit()).toBe(0)
  })

  test('hands nothing over once the other has declined', async () => {
    const { old, client, finish, peer } = await between(['relay'])
    peer.say({ type: 'declined' })
    await turns()
    await finish()
    expect(await client.ask()).toBe(pid(old))
    expect(peer.heard('connections')).toBeUndefined()
    expect(await old.exit()).toBe(0)
  })

  test('counts what was declined before the release as a violation', async () => {
    const place = openPlace()
    const { generation: old, finish } = await serveBusy(place)
    const peer = place.newPeer()
    await peer.takeOver([key], [key])
    peer.say({ type: 'declined' })
    await finish()
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
  })
})

/** A process that serves after one by hand, which still has connections. */
async function behindOne(accepts: string[]) {
  const { place, old, next: generation, started } = begin()
  old.accepts = accepts
  const offer = listener()
  const peer = await old.send([offer, old.rendezvous])
  await started
  const listen = { host: '127.0.0.1', port: offer.entry.port }
  await generation.listen(listen)
  const ready = generation.handoff.ready()
  await peer.hear('ready')
  old.shut()
  peer.say({ type: 'committed' })
  await ready
  const pass = async () => {
    const connection = await pair()
    const items = [{ idleMs: 5_000 }]
    peer.say({ type: 'connections', key: offer.entry.key, kind: 'http', items }, [connection.fd])
    return connection.client
  }
  const succeed = async () => (await place.serve({}, listen)).generation
  return { place, old, peer, generation, listen, pass, succeed, key: offer.entry.key }
}

/** A client, and the other end of its connection. */
async function pair(): Promise<{ client: net.Socket; fd: number }> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  onTestFinished(() => void client.destroy())
  onTestFinished(() => void socket.destroy())
  server.close()
  return { client, fd: descriptorOf(socket) ?? -1 }
}

async function answer(client: net.Socket): Promise<string> {
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  const [data] = await once(client, 'data')
  return /\d+$/.exec(String(data))?.[0] ?? String(data)
}

const relays = ['rested', 'declined']

describe('a process with a released one before it', () => {
  test('passes on what arrives before its commit and after it', async () => {
    const { peer, generation, pass, succeed } = await behindOne(relays)
    const third = await succeed()
    await peer.hear('release')
    const client = await pass()
    expect(await peer.hear('adopted')).toMatchObject({ received: 1 })
    await until('it has gone on', () => third.handoff.metrics().connections === 1)
    expect(await answer(client)).toBe(pid(third))
    peer.say({ type: 'drained', drained: 0, handedOver: 1, forced: 0 })
    await generation.told('drained')
    expect(counts(generation)).toMatchObject({ handedOver: 1 })
  })

  test('serves on and takes connections after its own handoff has failed', async () => {
    const { place, peer, generation, pass } = await behindOne(relays)
    const other = place.newPeer()
    await other.receive()
    await peer.hear('release')
    other.say({ type: 'abort', code: 'ERR_HANDOFF_APP_FAILED', reason: 'no' })
    await generation.told('aborted')
    expect(await answer(await pass())).toBe(pid(generation))
    expect(await peer.hear('adopted')).toMatchObject({ received: 1 })
  })

  test('takes back what it had passed on, if its successor dies', async () => {
    const { place, peer, generation, pass, key } = await behindOne(relays)
    const other = place.newPeer()
    await other.takeOver([key], [key])
    await peer.hear('release')
    const client = await pass()
    await peer.hear('adopted')
    await ack(other)
    other.die()
    expect(await generation.told('taken-back')).toMatchObject({ connections: { back: 1 } })
    expect(await answer(client)).toBe(pid(generation))
    // And it takes more.
    expect(await answer(await pass())).toBe(pid(generation))
  })

  test('declines when it stops, and touches nothing after that', async () => {
    const { peer, generation, pass } = await behindOne(relays)
    void generation.handoff.stop()
    const client = await pass()
    await peer.hear('release')
    await peer.hear('declined')
    expect(await generation.exit()).toBe(0)
    await turns()
    expect(peer.heard('adopted')).toBeUndefined()
    expect(client.destroyed).toBe(false)
  })

  test('declines when its application releases the handoff', async () => {
    const { peer, generation } = await behindOne(relays)
    generation.handoff.release()
    await peer.hear('release')
    await peer.hear('declined')
  })

  test('serves to its end what its successor does not take', async () => {
    const { place, peer, generation, pass, key } = await behindOne(relays)
    await place.newPeer().takeOver([key])
    await peer.hear('release')
    const client = await pass()
    await peer.hear('adopted')
    client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(String((await once(client, 'data'))[0])).toMatch(/connection: close/i)
    await until('it has ended', () => generation.handoff.metrics().connections === 0)
  })

  test('declines once its drain is over, and once only', async () => {
    const { peer, generation, pass, succeed } = await behindOne(relays)
    await succeed()
    await peer.hear('release')
    generation.system.advance(30_000)
    await generation.told('drained')
    await pass()
    await peer.hear('declined')
    await pass()
    await turns()
    expect(peer.heard('declined')).toBeUndefined()
  })

  test('declines nothing that the other would not understand', async () => {
    const { peer, generation, pass } = await behindOne(['rested'])
    void generation.handoff.stop()
    await pass()
    await peer.hear('release')
    expect(await generation.exit()).toBe(0)
    await turns()
    expect(peer.heard('declined')).toBeUndefined()
  })

  test.each<[string, (peer: Peer) => void]>([
    ['has drained', (peer) => peer.say({ type: 'drained', drained: 0, handedOver: 0, forced: 0 })],
    ['dies', (peer) => peer.die()],
    ['breaks the protocol', (peer) => peer.say({ type: 'committed' })],
  ])('is drained when that one %s', async (_, end) => {
    const { peer, generation, succeed } = await behindOne(relays)
    await succeed()
    await peer.hear('release')
    await turns()
    expect(generation.all('drained')).toEqual([])
    end(peer)
    await generation.told('drained')
  })

  test('does not wait for one that passes nothing on', async () => {
    const { generation, succeed } = await behindOne(['rested'])
    await succeed()
    await generation.told('drained')
  })
})
