// A process that finds no old one serves on what it was started with: of a socket unit, of a store.

import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from 'vitest'
import {
  bindTcp,
  bindUdp,
  bindUnix,
} from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { inheritedVariable } from '../../../packages/handoff/src/io/listeners/inherited-variables.ts'
import { close, describe, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { closeLater } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'
import { ask, connect, whereIs } from '../support/clients.ts'
import { listener } from '../support/offers.ts'
import { type Generation, openPlace } from '../support/place.ts'
import { inodeOf, listeningInode, openSockets } from '../support/sockets.ts'

const local = { host: '127.0.0.1', port: 0 }

/** What a supervisor says of descriptors that a process gets. */
function inheriting(...listeners: [fd: number, key: string][]) {
  const pairs = listeners.map(([fd, key]) => `${fd}=${storeNameOf(key)}`)
  return { [inheritedVariable]: pairs.join(':') }
}

function listening(): { fd: number; port: number; inode: string } {
  const fd = bindTcp({ address: '127.0.0.1', port: 0 })
  return { fd, port: describe(fd).port, inode: inodeOf(fd) }
}

/** Whether any descriptor of this process is this socket: numbers come again, inodes are told apart. */
const isOpen = (inode: string) => openSockets().has(inode)

const warnings = (generation: Generation) => generation.all('warning').map(({ message }) => message)

test('by its key, port 0 too: who was in the queue is answered', async () => {
  const place = openPlace()
  const { fd, port, inode } = listening()
  const waiting = ask({ host: '127.0.0.1', port })
  const env = inheriting([fd, 'tcp:127.0.0.1:0#1'])
  const next = await place.start({}, env)
  const server = await next.listen(local)
  await next.handoff.ready()
  expect(listeningInode(server)).toBe(inode)
  expect(await waiting).toBe(String(next.system.pid))
  expect(env).toEqual({})
  expect(warnings(next)).toEqual([])
})

test('by its place, and by its number', async () => {
  const place = openPlace()
  const [first, second] = [listening(), listening()]
  const next = await place.start(
    {},
    { [inheritedVariable]: `${first.fd}=web.socket:${second.fd}=admin` },
  )
  const byPlace = await next.listen({ host: '127.0.0.1', port: first.port })
  const byNumber = await next.listen({ fd: second.fd })
  await next.handoff.ready()
  expect([byPlace, byNumber].map(listeningInode)).toEqual([first.inode, second.inode])
  expect(warnings(next)).toEqual([])
})

test('a datagram that came while nobody was there is read', async () => {
  const place = openPlace()
  const fd = bindUdp({ address: '127.0.0.1', port: 0 })
  const { port } = describe(fd)
  const client = closeLater(dgram.createSocket('udp4'))
  client.send('early', port, '127.0.0.1')
  await once(client, 'listening')

  const next = await place.start({}, inheriting([fd, 'udp:127.0.0.1:0#1']))
  const socket = next.ownDatagram(dgram.createSocket('udp4'))
  const message = once(socket, 'message')
  await next.handoff.bind(socket, { address: '127.0.0.1', port: 0 })
  await next.handoff.ready()
  expect(String((await message)[0])).toBe('early')
  expect(socket.address().port).toBe(port)
})

test('a path is removed at the end, as if this process had bound it', async () => {
  const place = openPlace()
  const path = place.path('app.sock')
  const next = await place.start({}, inheriting([bindUnix({ path }), `unix:${path}`]))
  await next.listen({ path })
  await next.handoff.ready()
  expect(await ask({ path })).toBe(String(next.system.pid))
  void next.handoff.stop()
  await next.exit()
  expect(place.files).toEqual([])
})

test('the path of a socket unit stays: the unit listens there', async () => {
  const place = openPlace()
  const path = place.path('app.sock')
  const fd = bindUnix({ path })
  const unit = closeLater(dup(fd))
  const next = await place.start({}, { [inheritedVariable]: `${fd}=web.socket` })
  await next.listen({ path })
  await next.handoff.ready()
  const { generation: third } = await place.serve({}, { path })
  void third.handoff.stop()
  await third.exit()
  expect(place.files).toContain('app.sock')
  expect(isOpen(inodeOf(unit))).toBe(true)
  ;(await connect({ path })).destroy()
})

test('what nobody asks for is closed at ready, and that is said', async () => {
  const place = openPlace()
  const [used, unused] = [listening(), listening()]
  const udp = bindUdp({ address: '127.0.0.1', port: 0 })
  const unclaimed = [unused.inode, inodeOf(udp)]
  const next = await place.start(
    {},
    inheriting([used.fd, 'tcp:127.0.0.1:0#1'], [unused.fd, 'tcp:*:80'], [udp, 'udp:*:53']),
  )
  await next.listen(local)
  await next.handoff.ready()
  expect(warnings(next)).toEqual([
    expect.stringContaining('tcp:*:80'),
    expect.stringContaining('udp:*:53'),
  ])
  expect(unclaimed.some(isOpen)).toBe(false)
})

test('a process that serves and never says that it is ready does not hold them for ever', async () => {
  const place = openPlace()
  const { fd, inode } = listening()
  const next = await place.start({ readyTimeoutMs: 1_000 }, inheriting([fd, 'tcp:*:80']))
  const server = await next.listen(local)
  next.system.advance(999)
  expect(isOpen(inode)).toBe(true)
  next.system.advance(1)
  expect(isOpen(inode)).toBe(false)
  expect(warnings(next)).toEqual([expect.stringContaining('tcp:*:80')])
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
})

test('one that gives up closes them', async () => {
  const place = openPlace()
  const { fd, inode } = listening()
  const next = await place.start({}, inheriting([fd, 'tcp:*:80']))
  next.handoff.abort(new Error('no database'))
  expect(await next.exit()).toBe(1)
  expect(isOpen(inode)).toBe(false)
})

test('and with the number that the supervisor counts', async () => {
  const env = { HANDOFF_GENERATION: '7' }
  const next = await openPlace().start({}, env)
  await next.listen(local)
  await next.handoff.ready()
  expect(next.handoff.generation).toBe(7)
  expect(await next.told('serving')).toMatchObject({ generation: 7, replaces: null })
  expect(env).toEqual({})
})

test('an old process knows better: what it hands over counts', async () => {
  const place = openPlace()
  const { server } = await place.serve()
  const handedOver = listeningInode(server)
  const { fd, inode } = listening()
  const env = { ...inheriting([fd, 'tcp:127.0.0.1:0#1']), HANDOFF_GENERATION: '7' }
  const next = await place.start({}, env)
  expect(next.handoff.generation).toBe(2)
  expect(isOpen(inode)).toBe(false)
  const successor = await next.listen(local)
  await next.handoff.ready()
  expect(listeningInode(successor)).toBe(handedOver)
})

test('an old process that dies before it has handed over anything leaves them to this one', async () => {
  const place = openPlace()
  const old = place.oldPeer()
  const { fd, inode } = listening()
  const env = { ...inheriting([fd, 'tcp:127.0.0.1:0#1']), HANDOFF_GENERATION: '7' }
  const next = place.generation({}, env)
  const started = next.handoff.start()
  await old.peer()
  old.die()
  await started
  const server = await next.listen(local)
  await next.handoff.ready()
  expect(listeningInode(server)).toBe(inode)
  expect(next.handoff.generation).toBe(7)
})

test('a framework that listens by itself finds them', async () => {
  const place = openPlace()
  const { fd, port, inode } = listening()
  const next = await place.start({}, { [inheritedVariable]: `${fd}=` })
  const server = next.own(http.createServer((_, response) => response.end('here')))
  next.handoff.interceptListen((candidate) => candidate === server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await next.handoff.ready()
  expect(listeningInode(server)).toBe(inode)
  expect(await ask(whereIs(server))).toBe('here')
})

test('a descriptor that is no listener is left to whoever put it there', async () => {
  const place = openPlace()
  const { fd } = listening()
  close(fd)
  const next = await place.start({}, inheriting([fd, 'tcp:*:80']))
  expect(warnings(next)).toEqual([expect.stringContaining(`descriptor ${fd}`)])
  await next.handoff.ready()
})

test('what an old process sent before it died goes before what was inherited', async () => {
  const place = openPlace()
  const old = place.oldPeer()
  const inherited = listening()
  const key = 'tcp:127.0.0.1:0#1'
  const next = place.generation({}, inheriting([inherited.fd, key]))
  const started = next.handoff.start()
  const offer = listener({ key })
  const peer = await old.offer([offer, old.rendezvous])
  peer.say({ type: 'listeners', first: 0 }, [offer.fd])
  await peer.hear('ack')
  old.die()
  await started
  await until('the inherited one is closed', () => !isOpen(inherited.inode))
  const server = await next.listen(local)
  await next.handoff.ready()
  expect(listeningInode(server)).toBe(inodeOf(offer.fd))
})
