// A process that takes over from a surplus worker serves on, whatever that worker does.

import dgram from 'node:dgram'
import { expect, onTestFinished, test } from 'vitest'
import { bindUdp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Joinings } from '../../../packages/handoff/src/new/joining/joinings.ts'
import type { HandoffEventBody } from '../../../packages/handoff/src/terms/events.ts'
import { ask, whereIs } from '../support/clients.ts'
import { FakeSystem } from '../support/fake-system.ts'
import { listener, offerOf, owned } from '../support/offers.ts'
import { OldPeer } from '../support/peers.ts'
import { openPlace } from '../support/place.ts'
import { descriptorOfListener } from '../support/sockets.ts'

const local = { host: '127.0.0.1', port: 0 }
const key = 'tcp:127.0.0.1:0#1'

/** A process that serves, and begins to take over from a surplus worker by hand. */
async function joining() {
  const place = openPlace()
  const path = place.path('rendezvous-2.sock')
  const surplus = new OldPeer(path)
  onTestFinished(() => surplus.die())
  const next = await place.start({}, { HANDOFF_JOINS: JSON.stringify([path]) })
  const server = await next.listen(local)
  await next.handoff.ready()
  const serves = async () => expect(await ask(whereIs(server))).toBe(String(next.system.pid))
  return { place, surplus, next, server, serves }
}

test('one that hangs is given up after ten seconds', async () => {
  const { surplus, next, serves } = await joining()
  const peer = await surplus.peer()
  await peer.hear('hello')
  next.system.advance(10_000)
  expect(await next.told('aborted')).toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT', serving: 'old' })
  expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT' })
  await serves()
})

test('one that dies before it has handed over leaves nothing here: its supervisor starts it again', async () => {
  const { surplus, next, serves } = await joining()
  const peer = await surplus.offer([listener({ key }), surplus.rendezvous])
  peer.die()
  expect(await next.told('aborted')).toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE' })
  expect(next.handoff.metrics().listeners).toHaveLength(1)
  await serves()
})

test('state and older processes that it sends unasked are skipped, and closed', async () => {
  const { surplus, next, serves } = await joining()
  const early = await surplus.peer()
  const offer = listener({ key })
  const stray = owned(dup(offer.fd))
  await early.hear('hello')
  early.say({ type: 'older', processes: [{ pid: 7, generation: 1 }] }, [stray])
  early.say({
    type: 'manifest',
    version: 1,
    generation: 7,
    pid: 7,
    listeners: [offer.entry, surplus.rendezvous.entry],
  })
  early.say({ type: 'state', key: 'n', when: 'start', encoding: 'json', value: 1 })
  early.say({ type: 'listeners', first: 0 }, [offer.fd, surplus.rendezvous.fd])
  await early.hear('ack')
  expect((await early.hear('ready')).claimed).toEqual([key])
  early.say({ type: 'committed' })
  await next.told('joined')
  expect(next.handoff.metrics().listeners).toHaveLength(2)
  early.say({ type: 'drained', drained: 0, handedOver: 0, forced: 0 })
  early.die()
  await serves()
})

test('one that shares the queue of this process has nothing to give', async () => {
  const { surplus, next, server, serves } = await joining()
  const shared = offerOf(descriptorOfListener(server), { key })
  const peer = await surplus.send([shared, surplus.rendezvous])
  await peer.hear('ready')
  peer.say({ type: 'committed' })
  await next.told('joined')
  expect(next.handoff.metrics().listeners).toHaveLength(1)
  await serves()
})

test('a datagram socket of it is closed: here is one at that place already', async () => {
  const place = openPlace()
  const path = place.path('rendezvous-2.sock')
  const surplus = new OldPeer(path)
  onTestFinished(() => surplus.die())
  const next = await place.start({}, { HANDOFF_JOINS: JSON.stringify([path]) })
  const socket = next.ownDatagram(dgram.createSocket('udp4'))
  await next.handoff.bind(socket, { address: '127.0.0.1', port: 0 })
  await next.handoff.ready()
  const fd = owned(bindUdp({ address: '127.0.0.1', port: 0 }))
  const offer = offerOf(fd, { key: 'udp:127.0.0.1:0#1', protocol: 'udp' })
  const peer = await surplus.send([offer, surplus.rendezvous])
  await peer.hear('ready')
  peer.say({ type: 'committed' })
  await next.told('joined')
  expect(next.handoff.metrics().listeners).toHaveLength(1)
  const warnings = next.all('warning').map(({ message }) => message)
  expect(warnings.filter((message) => message.includes('surplus worker'))).toHaveLength(1)
})

test('a process that is being replaced itself takes over from none', async () => {
  const events: HandoffEventBody[] = []
  const system = new FakeSystem()
  const place = openPlace()
  const { generation } = await place.serve()
  const calls: string[] = []
  const rendezvous = { shut: () => void calls.push('shut'), open: () => void calls.push('open') }
  const joinings = new Joinings({
    system,
    holdings: { rendezvous, gates: new Set() } as never,
    report: (event) => void events.push(event),
    takesConnections: () => true,
    noMoreConnections: () => {},
    listenersChanged: () => {},
    serves: () => false,
  })
  await joinings.run([place.path('rendezvous-2.sock')])
  expect(events).toMatchObject([{ type: 'aborted', code: 'ERR_HANDOFF_BUSY', serving: 'old' }])
  // Its own successor is the one that opens it again.
  expect(calls).toEqual(['shut'])
  expect(joinings.oldMayLive).toBe(false)
  void generation.handoff.stop()
})
