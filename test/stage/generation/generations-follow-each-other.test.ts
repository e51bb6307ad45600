// Whole handoffs: each generation gets the very sockets of the one before.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { ListenOptions } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask, whereIs } from '../support/clients.ts'
import { type Generation, openPlace } from '../support/place.ts'
import { listeningInode } from '../support/sockets.ts'

function warningsOf(generation: Generation): string[] {
  return generation.all('warning').map(({ message }) => message)
}

describe('the listener changes hands, and is the same socket', () => {
  test.each<[string, ListenOptions]>([
    ['TCP on IPv4', { host: '127.0.0.1', port: 0 }],
    ['TCP on IPv6', { host: '::1', port: 0 }],
    ['TCP on every address', { port: 0 }],
    ['TCP on IPv6 alone', { host: '::', port: 0, ipv6Only: true }],
    ['TCP on a name', { host: 'localhost', port: 0 }],
    ['a Unix path', { path: 'app.sock' }],
  ])('%s', async (_, options) => {
    const place = openPlace()
    const where = 'path' in options ? { path: place.path('app.sock') } : options
    const { generation: old, server } = await place.serve({}, where)
    const address = server.address()
    const inode = listeningInode(server)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))

    const { generation: next, server: successor } = await place.serve({}, where)
    expect(listeningInode(successor)).toBe(inode)
    expect(successor.address()).toEqual(address)
    expect(await ask(whereIs(successor))).toBe(String(next.system.pid))
    expect(warningsOf(next)).toEqual([])
  })

  test('UDP', async () => {
    const place = openPlace()
    const { generation: old } = await place.serve()
    const port = await freePort()
    const received: string[] = []
    const bind = async (generation: Generation) => {
      const socket = generation.ownDatagram(dgram.createSocket('udp4'))
      socket.on('message', (data) => received.push(`${data} at ${generation.system.pid}`))
      let listening = 0
      socket.on('listening', () => listening++)
      await generation.handoff.bind(socket, { address: '127.0.0.1', port })
      expect(listening).toBe(1)
      expect(socket.address()).toMatchObject({ address: '127.0.0.1', port })
      return socket
    }
    const first = await bind(old)
    const client = old.ownDatagram(dgram.createSocket('udp4'))
    const say = async (text: string) => {
      client.send(text, port, '127.0.0.1')
      await until(`${text} arrives`, () => received.some((line) => line.startsWith(text)))
    }
    await say('one')

    const next = await place.start()
    await next.listen({ host: '127.0.0.1', port: 0 })
    const second = await bind(next)
    await say('two')
    await next.handoff.ready()
    await say('three')
    expect(received).toEqual([
      `one at ${old.system.pid}`,
      `two at ${old.system.pid}`,
      `three at ${next.system.pid}`,
    ])
    // The old process can still answer from the same address.
    first.send('answer', (client.address() as AddressInfo).port, '127.0.0.1')
    const [, { port: from }] = await once(client, 'message')
    expect(from).toBe(second.address().port)
  })

  test('TCP and UDP on one port', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    const { port } = server.address() as AddressInfo
    const bind = async (generation: Generation) => {
      const socket = generation.ownDatagram(dgram.createSocket('udp4'))
      await generation.handoff.bind(socket, { address: '127.0.0.1', port })
    }
    await bind(old)
    const inode = listeningInode(server)
    const next = await place.start()
    await bind(next)
    const successor = await next.listen({ host: '127.0.0.1', port })
    await next.handoff.ready()
    expect(listeningInode(successor)).toBe(inode)
    expect(await ask(whereIs(successor))).toBe(String(next.system.pid))
    expect(warningsOf(next)).toEqual([])
  })

  test('300 listeners, in several batches', async () => {
    const place = openPlace()
    const where = Array.from({ length: 300 }, () => ({ host: '127.0.0.1', port: 0 }))
    const { servers } = await place.serve({}, ...where)
    const { generation: next, servers: successors } = await place.serve({}, ...where)
    expect(next.handoff.metrics().listeners).toHaveLength(300)
    for (const [index, server] of servers.entries()) {
      expect((successors[index] as typeof server).address()).toEqual(server.address())
    }
    const last = successors.at(-1) as (typeof successors)[0]
    expect(await ask(whereIs(last))).toBe(String(next.system.pid))
  })
})

test('no listener at all: the place in the line changes hands all the same', async () => {
  const place = openPlace()
  const first = await place.start()
  await first.handoff.ready()
  const second = await place.start()
  await second.handoff.ready()
  expect(second.handoff.generation).toBe(2)
  await first.told('drained')
  first.system.advance(4_999)
  expect(first.handoff.metrics().stage).toBe('drain')
  first.system.advance(1)
  expect(await first.exit()).toBe(0)
})

test('ten generations in a row, each of them reached at the same path and port', async () => {
  const place = openPlace()
  const where = [{ host: '127.0.0.1', port: 0 }, { path: place.path('app.sock') }]
  const { generation: first, servers } = await place.serve({}, ...where)
  const inodes = servers.map(listeningInode)
  const line = [first]
  for (let generation = 2; generation <= 10; generation++) {
    const next = await place.serve({}, ...where)
    expect(next.generation.handoff.generation).toBe(generation)
    expect(next.servers.map(listeningInode)).toEqual(inodes)
    expect(await ask({ path: place.path('app.sock') })).toBe(String(next.generation.system.pid))
    line.push(next.generation)
    // The handoff ended the probation of the generation before the last: it is drained, and leaves.
    if (generation > 2) expect(await (line.at(-3) as Generation).exit()).toBe(0)
  }
  const files = place.files.filter((name) => !name.startsWith('kept-'))
  expect(files).toEqual(['app.sock', 'rendezvous.sock'])
})

test('a path that was removed leads to the next generation, and to the old one after an abort', async () => {
  const place = openPlace()
  const path = place.path('app.sock')
  const { generation: first } = await place.serve({}, { path })
  rmSync(path)
  const { generation: second } = await place.serve({}, { path })
  expect(await ask({ path })).toBe(String(second.system.pid))
  rmSync(path)
  await first.reaches('drain')
  first.system.advance(5_000)
  expect(await first.exit()).toBe(0)
  await until('its end is known', () => existsSync(path))
  expect(await ask({ path })).toBe(String(second.system.pid))

  const third = await place.start()
  await third.listen({ path })
  rmSync(path)
  third.handoff.abort(new Error('no'))
  await second.told('aborted')
  expect(await ask({ path })).toBe(String(second.system.pid))

  void second.handoff.stop()
  expect(await second.exit()).toBe(0)
  expect(place.files).toEqual([])
})

test('what both sides tell, in order', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  expect(old.events.map((event) => ('stage' in event ? event.stage : event.type))).toEqual([
    'discover',
    'adopt',
    'serving',
  ])
  expect(old.all('serving')[0]).toMatchObject({ generation: 1, replaces: null })

  const from = old.events.length
  const { generation: next } = await place.serve()
  old.system.advance(5_000)
  await old.exit()
  const tell = ({ events }: Generation, at = 0) =>
    events.slice(at).map((event) => ('stage' in event ? event.stage : event.type))
  expect(tell(next)).toEqual(['discover', 'receive', 'adopt', 'ready', 'serving'])
  expect(tell(old, from)).toEqual(['offer', 'send', 'drain', 'drained', 'exit'])
  expect(next.all('serving')[0]).toMatchObject({
    pid: next.system.pid,
    generation: 2,
    // By the kernel's word: both sides run in this process, whatever number the old one gives itself.
    replaces: { pid: process.pid, generation: 1 },
    listeners: old.all('serving')[0]?.listeners,
  })
})

test('metrics count what became of each handoff', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const none = { completed: 0, aborted: 0, takenBack: 0 }
  expect(old.handoff.metrics()).toMatchObject({ generation: 1, stage: 'serving', handoffs: none })
  place.newPeer().die()
  await old.told('aborted')
  const peer = place.newPeer()
  await peer.takeOver()
  peer.die()
  await old.told('taken-back')
  await place.serve()
  expect(old.handoff.metrics().handoffs).toEqual({ completed: 2, aborted: 1, takenBack: 1 })
})

test('until ready, the old process answers and the new one does not', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const next = await place.start()
  const waiting = await next.listen({ host: '127.0.0.1', port: 0 })
  expect(waiting.listening).toBe(true)
  for (let count = 0; count < 20; count++) {
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  }
})

describe('a new configuration', () => {
  test('drops a listener: the new process says so, and nobody is left hanging there', async () => {
    const place = openPlace()
    const path = place.path('dropped.sock')
    const port = await freePort()
    await place.serve({}, { host: '127.0.0.1', port: 0 }, { path }, { host: '127.0.0.1', port })
    const { generation: next } = await place.serve({}, { host: '127.0.0.1', port: 0 })
    expect(warningsOf(next).sort()).toEqual([
      expect.stringContaining(`tcp:127.0.0.1:${port}`),
      expect.stringContaining(`unix:${path}`),
    ])
    expect(existsSync(path)).toBe(false)
    await expect(ask({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('adds a listener', async () => {
    const place = openPlace()
    const where = { host: '127.0.0.1', port: 0 }
    await place.serve({}, where)
    const path = place.path('added.sock')
    const { generation: next } = await place.serve({}, where, { path })
    expect(await ask({ path })).toBe(String(next.system.pid))
    const { generation: third } = await place.serve({}, where, { path })
    expect(await ask({ path })).toBe(String(third.system.pid))
  })

  test('adds a listener that somebody else has: an error as of Node, and the old one serves', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    const stranger = old.own(net.createServer()).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as AddressInfo
    const next = await place.start()
    await expect(next.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'listen',
      address: '127.0.0.1',
      port,
    })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('swaps two listeners on port 0 that have names', async () => {
    const place = openPlace()
    const a = { host: '127.0.0.1', port: 0, name: 'a' }
    const b = { ...a, name: 'b' }
    const { servers } = await place.serve({}, a, b)
    const { servers: swapped } = await place.serve({}, b, a)
    expect(swapped.map((server) => server.address())).toEqual(
      servers.map((server) => server.address()).reverse(),
    )
  })

  test('names the port that port 0 became, and keeps it from then on', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const { port } = server.address() as AddressInfo
    const inode = listeningInode(server)
    for (let count = 0; count < 2; count++) {
      const { server: named } = await place.serve({}, { host: '127.0.0.1', port })
      expect(listeningInode(named)).toBe(inode)
    }
  })

  test('two listeners of one key, as SO_REUSEPORT allows, both change hands', async () => {
    const place = openPlace()
    const port = await freePort()
    const where = { host: '127.0.0.1', port, reusePort: true }
    const { servers } = await place.serve({}, where, where)
    const inodes = servers.map(listeningInode)
    for (let count = 0; count < 2; count++) {
      const { servers: successors } = await place.serve({}, where, where)
      expect(successors.map(listeningInode)).toEqual(inodes)
    }
  })
})

test('a process that starts while the first one is not ready yet waits for it', async () => {
  const place = openPlace()
  const first = await place.start()
  await first.listen({ host: '127.0.0.1', port: 0 })
  const second = place.generation()
  const started = second.handoff.start()
  await new Promise(setImmediate)
  expect(second.handoff.generation).toBe(0)
  await first.handoff.ready()
  await started
  expect(second.handoff.generation).toBe(2)
})

test('without a rendezvous the first listen serves at once', async () => {
  const place = openPlace()
  const alone = place.generation()
  const { handoff } = alone
  await handoff.start()
  const server = await alone.listen({ host: '127.0.0.1', port: 0 })
  expect(await ask(whereIs(server))).toBe(String(alone.system.pid))
})
