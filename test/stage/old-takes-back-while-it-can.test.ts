// After the commit: while it is on probation or drains, the old process can accept again at once.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { HandoffOptions } from '../../packages/handoff/src/options.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'
import { ask, connect, readAll, whereIs } from './clients.ts'
import type { NewPeer } from './peers.ts'
import { type Generation, openPlace, type Place } from './place.ts'
import { listeningInode } from './sockets.ts'

/** A request that is answered when the test says so. */
interface Pending {
  answer: Promise<string>
  finish(): void
}

interface Committed {
  place: Place
  old: Generation
  server: Server
  peer: NewPeer
  request: Pending | undefined
}

/** A process that serves, with a request in flight if asked for. */
async function serving(busy: boolean, options: HandoffOptions = {}) {
  const place = openPlace()
  const old = await place.start(options)
  const waiting: ServerResponse[] = []
  const server = await old.listen({ host: '127.0.0.1', port: 0 }, ({ url }, response) => {
    if (url === '/slow') waiting.push(response)
    else response.end(String(old.system.pid))
  })
  await old.handoff.ready()
  if (!busy) return { place, old, server, request: undefined }
  const answer = ask(whereIs(server), { path: '/slow' })
  answer.catch(() => {})
  const response = await until('the request is in flight', () => waiting[0])
  return { place, old, server, request: { answer, finish: () => response.end('whole') } }
}

async function inDrain(): Promise<Committed> {
  const served = await serving(true)
  const peer = served.place.newPeer()
  await peer.takeOver()
  return { ...served, peer }
}

async function inGuard(): Promise<Committed> {
  const served = await serving(false)
  const peer = served.place.newPeer()
  await peer.takeOver()
  await served.old.told('drained')
  return { ...served, peer }
}

async function inLinger(): Promise<Committed> {
  const committed = await inDrain()
  committed.old.system.advance(5_000)
  return committed
}

/** The states between commit and exit, each with a new process that can still die. */
const states = [
  ['drain, with a request in flight', inDrain],
  ['guard, drained and on probation', inGuard],
  ['linger, past its probation with a request in flight', inLinger],
] as const

describe.each(states)('in %s', (_, commit) => {
  test('the death of the new process: it serves again, and who waited in the queue is served', async () => {
    const { old, server, peer, request } = await commit()
    const inode = peer.manifest?.listeners[0]?.key
    const queued = Array.from({ length: 5 }, () => ask(whereIs(server)))
    peer.die()
    const told = await old.told('taken-back')
    expect(told).toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE', listeners: [inode] })
    expect(await Promise.all(queued)).toEqual(queued.map(() => String(old.system.pid)))
    expect(old.handoff.metrics()).toMatchObject({ stage: 'serving', handoffs: { takenBack: 1 } })

    // Nothing of the probation is left: time passes, and it goes on serving.
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    old.system.advance(60_000)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.system.exits).toEqual([])
  })

  test('the new process gives up: it serves again', async () => {
    const { old, server, peer } = await commit()
    peer.say({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT', reason: 'cannot take over: no commit' })
    expect(await old.told('taken-back')).toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('after a take-back the next handoff succeeds, again and again', async () => {
    const { place, old, server, peer } = await commit()
    const where = whereIs(server)
    peer.die()
    await old.told('taken-back')
    const inode = listeningInode(server)
    for (const count of [2, 3]) {
      const next = place.newPeer()
      await next.takeOver()
      const from = old.events.length
      next.die()
      await old.told('taken-back', from)
      expect(old.all('taken-back')).toHaveLength(count)
      expect(await ask(where)).toBe(String(old.system.pid))
    }
    const { generation: successor, server: last } = await place.serve()
    expect(listeningInode(last)).toBe(inode)
    expect(await ask(where)).toBe(String(successor.system.pid))
  })

  test('the new process has a successor: it is let go, and does not take back', async () => {
    const { old, peer, request } = await commit()
    peer.say({ type: 'release' })
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
  })

  test('the new process breaks the protocol: it lives and serves, so it keeps the listeners', async () => {
    const { old, server, peer, request } = await commit()
    const where = whereIs(server)
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    await old.reaches(request === undefined ? 'exit' : 'drain')
    const queued = await connect(where) // Into the queue that the new process still holds.
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    // Its end of the channel is open: as long as it is, the new process knows that it lives.
    expect(peer.over).toBe(false)
    expect(old.all('taken-back')).toEqual([])
    expect(queued.destroyed).toBe(false)
    queued.destroy()
  })

  test('it is told to stop: it finishes, leaves the listeners to the new process, and exits', async () => {
    const { place, old, peer, request } = await commit()
    void old.handoff.stop()
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
    expect(existsSync(place.rendezvous)).toBe(true)
  })
})

describe('probation', () => {
  test('ends after its time: the old process is gone, and has told its counts before', async () => {
    const { old, peer, place, server } = await inGuard()
    const where = whereIs(server)
    expect(await peer.hear('drained')).toMatchObject({ drained: 0, handedOver: 0, forced: 0 })
    old.system.advance(4_999)
    expect(old.system.exits).toEqual([])
    old.system.advance(1)
    expect(await old.exit()).toBe(0)
    expect(existsSync(place.rendezvous)).toBe(true)
    const queued = await connect(where)
    queued.destroy()
  })

  test('is over when the next generation commits, without waiting for it', async () => {
    const place = openPlace()
    const { generation: first } = await place.serve()
    const { generation: second } = await place.serve()
    await first.told('drained')
    expect(first.system.exits).toEqual([])
    const { generation: third, server } = await place.serve()
    expect(await first.exit()).toBe(0)
    expect(second.handoff.metrics().stage).toBe('drain')
    expect(await ask(whereIs(server))).toBe(String(third.system.pid))
  })

  test('an older generation that still drains goes on with it, and stops no handoff', async () => {
    const { place, old, request } = await serving(true)
    await place.serve()
    const { generation: third, server } = await place.serve()
    expect(old.handoff.metrics()).toMatchObject({ stage: 'drain', connections: 1 })
    request?.finish()
    expect(await request?.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
    expect(await ask(whereIs(server))).toBe(String(third.system.pid))
  })

  test('of 0 ms is none', async () => {
    const { place, old, server } = await serving(false, { probationMs: 0 })
    const where = whereIs(server)
    const peer = place.newPeer()
    await peer.takeOver()
    old.system.advance(0)
    expect(await old.exit()).toBe(0)
    const queued = await connect(where)
    queued.destroy()
  })

  test('a death after its end is a death: nobody takes back', async () => {
    const { old, peer } = await inGuard()
    old.system.advance(5_000)
    await old.exit()
    peer.die()
    await old.exit()
    expect(old.all('taken-back')).toEqual([])
    expect(old.system.exits).toEqual([0])
  })
})

describe('listeners that the new process did not want', () => {
  test('are bound again, each with its key and its mode', async () => {
    const place = openPlace()
    const path = place.path('app.sock')
    const { generation: old, servers } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0, name: 'a' },
      { path, readableAll: true, writableAll: true },
    )
    const addresses = servers.map((server) => server.address())
    const { mode } = statSync(path)
    const keys = old.handoff.metrics().listeners
    const peer = place.newPeer()
    await peer.takeOver([])
    expect(existsSync(path)).toBe(false)
    peer.die()
    expect((await old.told('taken-back')).listeners).toEqual(keys)
    expect(servers.map((server) => server.address())).toEqual(addresses)
    for (const server of servers) expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(statSync(path).mode).toBe(mode)

    // The next generation finds all of them, port 0 by its name.
    const { servers: successors } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0, name: 'a' },
      { path },
    )
    expect(successors.map((server) => server.address())).toEqual(addresses)
  })

  test('and that somebody else has taken meanwhile are told of; the others serve', async () => {
    const place = openPlace()
    const path = place.path('app.sock')
    const { generation: old, server } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0 },
      { path },
    )
    const peer = place.newPeer()
    await peer.takeOver([old.handoff.metrics().listeners[0] as string])
    writeFileSync(path, 'something else')
    peer.die()
    await old.told('taken-back')
    expect(old.all('warning')).toMatchObject([{ message: expect.stringContaining(`unix:${path}`) }])
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(statSync(path).isFile()).toBe(true)
  })
})

test('datagrams that came meanwhile are answered', async () => {
  const { place, old } = await serving(false)
  const port = await freePort()
  const socket = old.ownDatagram(dgram.createSocket('udp4'))
  const received: string[] = []
  socket.on('message', (data) => received.push(String(data)))
  await old.handoff.bind(socket, { address: '127.0.0.1', port })
  const peer = place.newPeer()
  await peer.takeOver()
  const client = old.ownDatagram(dgram.createSocket('udp4'))
  client.send('one', port, '127.0.0.1')
  await once(client, 'listening')
  peer.die()
  await until('the datagram is read', () => received.length > 0)
  expect(received).toEqual(['one'])
})

describe('notices are taken back too', () => {
  test('the next response on a connection that stayed does not end it', async () => {
    const { place, old, server } = await serving(false)
    const socket = await connect(whereIs(server))
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(socket, 'data')
    const peer = place.newPeer()
    await peer.takeOver()
    peer.die()
    await old.told('taken-back')
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const [reply] = await once(socket, 'data')
    expect(String(reply)).toMatch(/^HTTP\/1.1 200/)
    expect(String(reply)).toMatch(/connection: keep-alive/i)
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200/)
  })

  test('the drain deadline of the handoff that failed cuts nothing', async () => {
    const { old, peer, request } = await inDrain()
    peer.die()
    await old.told('taken-back')
    old.system.advance(120_000)
    request?.finish()
    expect(await request?.answer).toBe('whole')
  })
})

test('a new process that cannot accept after all ends, so that the old one takes back', async () => {
  const { place } = await serving(false)
  const next = await place.start()
  const waiting = await next.listen({ host: '127.0.0.1', port: 0 })
  // As if the process were at its limit on open files just at the commit.
  Object.defineProperty(waiting, '_listen2', {
    value: () => process.nextTick(() => waiting.emit('error', new Error('EMFILE'))),
  })
  await expect(next.handoff.ready()).rejects.toMatchObject({ code: 'ERR_HANDOFF_LISTEN_FAILED' })
  expect(next.system.exits).toEqual([1])
  expect(next.all('serving')).toEqual([])
  expect(next.all('aborted')).toMatchObject([{ code: 'ERR_HANDOFF_LISTEN_FAILED', serving: 'old' }])
})
