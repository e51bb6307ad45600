// Workers: each has its own queue at one place, and one that has no place any more hands over to another.

import { once } from 'node:events'
import type http from 'node:http'
import type { Socket } from 'node:net'
import { expect, describe as group, test } from 'vitest'
import { bindTcp, reserveTcp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { reservedVariable } from '../../../packages/handoff/src/io/listeners/inherited-variables.ts'
import { close, describe, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { ListenOptions } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { until } from '../../support/until.ts'
import { ask, connect, type Where, whereIs } from '../support/clients.ts'
import { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { descriptorOfListener, inodeOf, listeningInode, openSockets } from '../support/sockets.ts'

const local = { host: '127.0.0.1', port: 0 }
const key = 'tcp:127.0.0.1:0#1'
const get = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

/** What a supervisor says of descriptors that it has bound for a worker. */
function reserving(...reserved: [fd: number, key: string][]) {
  const pairs = reserved.map(([fd, name]) => `${fd}=${storeNameOf(name)}`)
  return { [reservedVariable]: pairs.join(':') }
}

const rendezvousOf = (place: Place, worker: number) => place.path(`rendezvous-${worker}.sock`)

/** One more worker at the place of the first one's server. */
async function serveBeside(
  place: Place,
  first: http.Server,
  { worker = 2, listen = local as ListenOptions } = {},
) {
  const fd = reserveTcp(descriptorOfListener(first))
  const rendezvous = rendezvousOf(place, worker)
  const generation = await place.start({ rendezvousPath: rendezvous }, reserving([fd, key]))
  const server = await generation.listen(listen)
  await generation.handoff.ready()
  return { generation, server }
}

/** The next generation of the first worker, which takes over from these workers, too. */
async function succeed(place: Place, ...joins: number[]) {
  const paths = joins.map((worker) => rendezvousOf(place, worker))
  const next = await place.start({}, { HANDOFF_JOINS: JSON.stringify(paths) })
  const server = await next.listen(local)
  await next.handoff.ready()
  return { next, server }
}

const places = (generation: Generation) => generation.handoff.metrics().listeners
const warnings = (generation: Generation) => generation.all('warning').map(({ message }) => message)

/** Connections to the place until each of the processes has one; all are closed. */
async function reachesEach(where: Where, ...generations: Generation[]): Promise<void> {
  const seen = new Set<string>()
  const wanted = generations.map(({ system }) => String(system.pid)).sort()
  await until('each process answers', async () => {
    seen.add(await ask(where))
    return seen.size === wanted.length
  })
  expect([...seen].sort()).toEqual(wanted)
}

/** A connection that this very process has accepted, and has answered on. */
async function connectTo(where: Where, { system, handoff }: Generation): Promise<Socket> {
  for (;;) {
    const socket = await connect(where)
    socket.write(get)
    const [reply] = await once(socket, 'data')
    if (String(reply).endsWith(String(system.pid))) {
      await until('it is open there', () => handoff.metrics().connections > 0)
      return socket
    }
    socket.destroy()
  }
}

async function answerOn(socket: Socket): Promise<string> {
  socket.write(get)
  const [reply] = await once(socket, 'data')
  return /\d+$/.exec(String(reply))?.[0] ?? String(reply)
}

group('a listener that is reserved', () => {
  test('is used where the server would bind, and shares the place', async () => {
    const place = openPlace()
    const { generation: first, server } = await place.serve()
    const { generation: second, server: other } = await serveBeside(place, server)
    expect(other.address()).toEqual(server.address())
    expect(listeningInode(other)).not.toBe(listeningInode(server))
    await reachesEach(whereIs(server), first, second)
    expect(warnings(second)).toEqual([])
  })

  test('is found by its place, too', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const { port } = whereIs(server) as { port: number }
    const beside = await serveBeside(place, server, { listen: { host: '127.0.0.1', port } })
    expect(beside.server.address()).toEqual(server.address())
  })

  test('gets nobody before the server listens: whoever connects is answered by the others', async () => {
    const place = openPlace()
    const { generation: first, server } = await place.serve()
    const env = reserving([reserveTcp(descriptorOfListener(server)), key])
    const rendezvous = rendezvousOf(place, 2)
    await place.start({ rendezvousPath: rendezvous }, env)
    expect(env).toEqual({})
    for (let count = 0; count < 16; count++) {
      expect(await ask(whereIs(server))).toBe(String(first.system.pid))
    }
  })

  test('and not asked for is closed without a word: nobody waits there', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const fd = reserveTcp(descriptorOfListener(server))
    const inode = inodeOf(fd)
    const second = await place.start(
      { rendezvousPath: rendezvousOf(place, 2) },
      reserving([fd, key]),
    )
    await second.listen({ path: place.path('app.sock') })
    await second.handoff.ready()
    expect(openSockets().has(inode)).toBe(false)
    expect(warnings(second)).toEqual([])
  })

  test('is used by a process with an old one that did not have it', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const { generation: second, server: before } = await serveBeside(place, server)
    const queue = listeningInode(before)
    const added = bindTcp({ address: '127.0.0.1', port: 0 })
    const { port } = describe(added)
    const fd = reserveTcp(added)
    const env = reserving([fd, `tcp:127.0.0.1:${port}`])
    const next = await place.start({ rendezvousPath: rendezvousOf(place, 2) }, env)
    const kept = await next.listen(local)
    const fresh = await next.listen({ host: '127.0.0.1', port })
    await next.handoff.ready()
    expect(listeningInode(kept)).toBe(queue)
    expect((fresh.address() as { port: number }).port).toBe(port)
    expect(describe(descriptorOfListener(fresh)).reusePort).toBe(true)
    await second.told('drained')
    close(added)
  })

  test('of a path is shared, and its file is the first worker’s', async () => {
    const place = openPlace()
    const path = place.path('app.sock')
    const { generation: first, server } = await place.serve({}, { path })
    const fd = dup(descriptorOfListener(server))
    const env = reserving([fd, `unix:${path}`])
    const second = await place.start({ rendezvousPath: rendezvousOf(place, 2) }, env)
    await second.listen({ path })
    await second.handoff.ready()
    await reachesEach({ path }, first, second)
    void second.handoff.stop()
    expect(await second.exit()).toBe(0)
    expect(place.files).toContain('app.sock')
    expect(await ask({ path })).toBe(String(first.system.pid))
  })

  test('is bound again when a successor that did not want it dies', async () => {
    const place = openPlace()
    const { generation: first, server } = await place.serve()
    const { generation: second } = await serveBeside(place, server)
    const peer = NewPeer.connect(rendezvousOf(place, 2))
    await peer.receive()
    peer.say({ type: 'ready', claimed: [], takes: {} })
    await peer.hear('committed')
    peer.die()
    await second.told('taken-back')
    expect(warnings(second)).toEqual([])
    await reachesEach(whereIs(server), first, second)
  })
})

group('a worker that has no place any more', () => {
  async function two() {
    const place = openPlace()
    const { generation: first, server } = await place.serve()
    const { generation: second, server: other } = await serveBeside(place, server)
    return { place, first, second, where: whereIs(server), queue: listeningInode(other) }
  }

  test('hands its queue and its connections to the one that stays', async () => {
    const { place, first, second, where, queue } = await two()
    const kept = await connectTo(where, second)
    const { next } = await succeed(place, 2)
    expect(await next.told('joined')).toMatchObject({
      // By the kernel's word: both sides run in this process, whatever number the old one gives itself.
      from: { pid: process.pid, generation: 1 },
      listeners: expect.arrayContaining([...places(next)]),
    })
    expect(places(next)).toHaveLength(2)
    expect(openSockets().has(queue)).toBe(true)
    expect(await second.told('drained')).toMatchObject({ counts: { handedOver: 1, forced: 0 } })
    expect(await answerOn(kept)).toBe(String(next.system.pid))
    // Both queues: all in one of them is once in 2^39.
    for (let count = 0; count < 40; count++) {
      expect(await ask(where)).toBe(String(next.system.pid))
    }
    expect(warnings(next)).toEqual([])
    await first.told('drained')
    kept.destroy()
  })

  test('ends as any old process; until then it can be found at its path', async () => {
    const { place, second } = await two()
    const { next } = await succeed(place, 2)
    await next.told('joined')
    expect(place.files).toContain('rendezvous-2.sock')
    await second.told('drained')
    second.system.advance(5_000)
    expect(await second.exit()).toBe(0)
  })

  test('had a queue of its own; maxConnections counts both', async () => {
    const { place, where } = await two()
    const { next, server } = await succeed(place, 2)
    await next.told('joined')
    server.maxConnections = 3
    const drops: unknown[] = []
    server.on('drop', (data) => drops.push(data))
    const sockets = await Promise.all(Array.from({ length: 40 }, () => connect(where)))
    await until('the others are dropped', () => drops.length === 37)
    expect(next.handoff.metrics().connections).toBe(3)
    expect(drops).toContainEqual(expect.objectContaining({ remoteAddress: '127.0.0.1' }))
    for (const socket of sockets) socket.destroy()
  })

  test('is handed on with the rest to the generation after', async () => {
    const { place, where } = await two()
    const { next } = await succeed(place, 2)
    await next.told('joined')
    const kept = await connectTo(where, next)
    const { next: last } = await succeed(place)
    expect(places(last)).toHaveLength(2)
    await next.told('drained')
    for (let count = 0; count < 40; count++) {
      expect(await ask(where)).toBe(String(last.system.pid))
    }
    expect(await answerOn(kept)).toBe(String(last.system.pid))
    kept.destroy()
  })

  test('brings what it had taken in itself', async () => {
    const place = openPlace()
    const { generation: first, server } = await place.serve()
    const where = whereIs(server)
    await serveBeside(place, server)
    await serveBeside(place, server, { worker: 3 })
    const paths = JSON.stringify([rendezvousOf(place, 3)])
    const second = await place.start(
      { rendezvousPath: rendezvousOf(place, 2) },
      { HANDOFF_JOINS: paths },
    )
    await second.listen(local)
    await second.handoff.ready()
    await second.told('joined')
    const { next } = await succeed(place, 2)
    await next.told('joined')
    expect(places(next)).toHaveLength(3)
    for (let count = 0; count < 40; count++) {
      expect(await ask(where)).toBe(String(next.system.pid))
    }
    await first.told('drained')
  })

  test('takes back when the one that took over dies', async () => {
    const { place, second, where } = await two()
    const kept = await connectTo(where, second)
    const peer = NewPeer.connect(rendezvousOf(place, 2))
    const { listeners } = await peer.receive()
    const claimed = listeners.map((listener) => listener.key).filter((name) => name === key)
    expect(claimed).toEqual([key])
    peer.say({ type: 'ready', claimed, takes: {} })
    await peer.hear('committed')
    peer.die()
    await second.told('taken-back')
    expect(await answerOn(kept)).toBe(String(second.system.pid))
    kept.destroy()
  })

  test('had a listener that the code of today does not want: it is closed, and that is said', async () => {
    const { place, queue } = await two()
    const paths = JSON.stringify([rendezvousOf(place, 2)])
    const next = await place.start({}, { HANDOFF_JOINS: paths })
    await next.listen({ path: place.path('other.sock') })
    await next.handoff.ready()
    await next.told('joined')
    expect(places(next)).toEqual([`unix:${place.path('other.sock')}`])
    expect(openSockets().has(queue)).toBe(false)
    expect(warnings(next).filter((message) => message.includes('surplus worker'))).toHaveLength(1)
  })

  test('that is not there is told of; this process serves all the same', async () => {
    const place = openPlace()
    await place.serve()
    const { next, server } = await succeed(place, 7)
    expect(await next.told('aborted')).toMatchObject({
      code: 'ERR_HANDOFF_PEER_GONE',
      message: expect.stringContaining('rendezvous-7.sock'),
    })
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
    await succeed(place) // The rendezvous answers again.
  })
})

test('only the first worker leads', async () => {
  const place = openPlace()
  const { generation: first, server } = await place.serve()
  await first.handoff.leadership
  const rendezvous = rendezvousOf(place, 2)
  const env = {
    HANDOFF_WORKER: '2',
    HANDOFF_RENDEZVOUS: rendezvous,
    ...reserving([reserveTcp(descriptorOfListener(server)), key]),
  }
  const second = await place.start({}, env)
  await second.listen(local)
  await second.handoff.ready()
  const led = second.handoff.leadership.then(() => 'leads')
  const turns = new Promise((resolve) => setImmediate(() => setImmediate(resolve, 'waits')))
  expect(await Promise.race([led, turns])).toBe('waits')
  expect(env).toEqual({ HANDOFF_WORKER: '2' })
})
