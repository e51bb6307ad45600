// A connection that was handed over is to its server as if it had been there all along.

import { once } from 'node:events'
import http, { type Server, type ServerOptions } from 'node:http'
import type net from 'node:net'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { connect, readAll, whereIs } from '../support/clients.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'

const get = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

interface Served {
  generation: Generation
  server: Server
}

async function serve(place: Place, options: ServerOptions = {}, set: Partial<Server> = {}) {
  const generation = await place.start()
  const server = http.createServer(options, (_, response) => {
    response.end(`by ${generation.system.pid}`)
  })
  Object.assign(generation.own(server), set)
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server }
}

/** The next generation, when so many connections have come to it. */
async function succeed(
  place: Place,
  connections: number,
  ...how: [ServerOptions?, Partial<Server>?]
) {
  const next = await serve(place, ...how)
  const { handoff } = next.generation
  await until('they have come', () => handoff.metrics().connections === connections)
  return next
}

/** A connection that has made a request. */
async function idle(server: Server): Promise<net.Socket> {
  const socket = await connect(whereIs(server))
  await exchange(socket)
  return socket
}

/** A connection that has said nothing yet. */
async function unspoken({ generation, server }: Served): Promise<net.Socket> {
  const before = generation.handoff.metrics().connections
  const socket = await connect(whereIs(server))
  await until('it is accepted', () => generation.handoff.metrics().connections === before + 1)
  return socket
}

async function exchange(socket: net.Socket): Promise<string> {
  socket.write(get)
  let text = ''
  while (!/\r\n\r\n.*by \d+/s.test(text)) text += String((await once(socket, 'data'))[0])
  return text
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

/** What a new process is told of the one connection that the old one has. */
async function itemOf(place: Place): Promise<unknown> {
  const peer = place.newPeer()
  const key = 'tcp:127.0.0.1:0#1'
  await peer.takeOver([key], [key])
  return (await peer.hear('connections')).items[0]
}

describe('getConnections()', () => {
  test('counts it before and after it speaks, until it is closed', async () => {
    const place = openPlace()
    const { server: old } = await serve(place)
    const [one, two, three] = await Promise.all([idle(old), idle(old), idle(old)])
    const { generation, server } = await succeed(place, 3)
    expect(await connectionsOf(server)).toBe(3)
    await exchange(one)
    expect(await connectionsOf(server)).toBe(3)
    // One is closed by the client, one by the server, when its time is over.
    two.destroy()
    await until('two are left', async () => (await connectionsOf(server)) === 2)
    generation.system.advance(7_000)
    await readAll(three)
    expect(await connectionsOf(server)).toBe(1)
    one.destroy()
    await until('none is left', async () => (await connectionsOf(server)) === 0)
  })

  test('does not count it any more when it has gone on', async () => {
    const place = openPlace()
    const { server: old } = await serve(place)
    const socket = await idle(old)
    const { server: second } = await succeed(place, 1)
    await succeed(place, 1)
    expect(await connectionsOf(second)).toBe(0)
    socket.destroy()
  })

  test('is what maxConnections limits', async () => {
    const place = openPlace()
    const { server: old } = await serve(place)
    const socket = await idle(old)
    const { server } = await succeed(place, 1, {}, { maxConnections: 1 })
    const refused = await connect(whereIs(server))
    expect(await readAll(refused)).toBe('')
    socket.destroy()
  })
})

/** From Node 26 on a connection that has said nothing yet counts as idle. */
const newIsIdle = Number(process.versions.node.split('.')[0]) >= 26

describe('closing', () => {
  test('closeIdleConnections() closes it, as Node does also if it is new', async () => {
    const place = openPlace()
    const old = await serve(place)
    const [spoken, silent] = [await idle(old.server), await unspoken(old)]
    const { server } = await succeed(place, 2)
    server.closeIdleConnections()
    expect(await readAll(spoken)).toBe('')
    if (newIsIdle) {
      expect(await readAll(silent)).toBe('')
    } else {
      expect(await connectionsOf(server)).toBe(1)
      await exchange(silent)
    }
    silent.destroy()
  })

  test('closeAllConnections() closes it, new or not', async () => {
    const place = openPlace()
    const old = await serve(place)
    const sockets = [await idle(old.server), await unspoken(old)]
    const { server } = await succeed(place, 2)
    server.closeAllConnections()
    expect(await Promise.all(sockets.map(readAll))).toEqual(['', ''])
    expect(await connectionsOf(server)).toBe(0)
  })

  test.skipIf(newIsIdle)(
    'close() closes it, and waits for the first answer of one that is new',
    async () => {
      const place = openPlace()
      const old = await serve(place)
      const [spoken, silent] = [await idle(old.server), await unspoken(old)]
      const { server } = await succeed(place, 2)
      let closed = false
      server.close(() => {
        closed = true
      })
      expect(await readAll(spoken)).toBe('')
      expect(closed).toBe(false)
      silent.write(`GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
      expect(await readAll(silent)).toMatch(/^HTTP\/1.1 200/)
      await until('it is closed', () => closed)
    },
  )
})

describe('maxRequestsPerSocket', () => {
  const limit = { maxRequestsPerSocket: 3 }

  test('counts the requests of all generations', async () => {
    const place = openPlace()
    const { server: old } = await serve(place, {}, limit)
    const socket = await idle(old)
    await succeed(place, 1, {}, limit)
    expect(await exchange(socket)).toMatch(/connection: keep-alive/i)
    const { generation } = await succeed(place, 1, {}, limit)
    socket.write(get)
    const last = await readAll(socket)
    expect(last).toMatch(/connection: close/i)
    expect(last).toContain(`by ${generation.system.pid}`)
  })

  test('one that was told to end does so where it is', async () => {
    const place = openPlace()
    const old = await serve(place, {}, limit)
    const socket = await connect(whereIs(old.server))
    for (let count = 1; count < limit.maxRequestsPerSocket; count++) await exchange(socket)
    expect(await exchange(socket)).toMatch(/connection: close/i)
    await serve(place, {}, limit)
    socket.end()
    const { counts } = await old.generation.told('drained')
    expect(counts).toEqual({ drained: 1, handedOver: 0, closed: 0, forced: 0 })
  })
})

describe('timeouts', () => {
  test('what was left of keepAliveTimeout goes over', async () => {
    const place = openPlace()
    const old = await serve(place, { keepAliveTimeout: 10_000 })
    const socket = await idle(old.server)
    const since = performance.now()
    await until('some of it is over', () => performance.now() - since > 50)
    // Node itself waits a second longer than it tells the client.
    const { idleMs } = (await itemOf(place)) as { idleMs: number }
    expect(idleMs).toBeLessThanOrEqual(11_000 - 50)
    expect(idleMs).toBeGreaterThan(11_000 - (performance.now() - since) - 50)
    socket.destroy()
  })

  test('without keepAliveTimeout it stays silent for as long as server.timeout lets it', async () => {
    const place = openPlace()
    const old = await serve(place, { keepAliveTimeout: 0 }, { timeout: 20_000 })
    const socket = await idle(old.server)
    const { idleMs } = (await itemOf(place)) as { idleMs: number }
    expect(idleMs).toBeLessThanOrEqual(20_000)
    expect(idleMs).toBeGreaterThan(0)
    socket.destroy()
  })

  test('without any it stays silent for ever', async () => {
    const place = openPlace()
    const old = await serve(place, { keepAliveTimeout: 0 })
    const socket = await idle(old.server)
    const { generation, server } = await succeed(place, 1)
    generation.system.advance(3_600_000)
    expect(await connectionsOf(server)).toBe(1)
    await exchange(socket)
    socket.destroy()
  })

  test('one that has said nothing yet has the time of a request, not that of a pause', async () => {
    const place = openPlace()
    const old = await serve(place, { headersTimeout: 30_000, keepAliveTimeout: 1_000 })
    const socket = await unspoken(old)
    const { generation } = await succeed(place, 1)
    generation.system.advance(29_000)
    await exchange(socket)
    socket.destroy()
  })

  test('silence is never answered with 408, half a request is', async () => {
    const place = openPlace()
    const { server: old } = await serve(place)
    const sockets = await Promise.all([idle(old), idle(old)])
    const [silent, half] = sockets as [net.Socket, net.Socket]
    const { server } = await succeed(place, 2, {
      headersTimeout: 50,
      requestTimeout: 50,
      connectionsCheckingInterval: 10,
    })
    half.write('GET / HT')
    expect(await readAll(half)).toMatch(/^HTTP\/1.1 408/)
    const unknown = await connect(whereIs(server))
    expect(await readAll(unknown)).toMatch(/^HTTP\/1.1 408/)
    expect(await exchange(silent)).toMatch(/^HTTP\/1.1 200/)
    silent.destroy()
  })

  test('who listens to timeout of the server decides what becomes of it', async () => {
    const place = openPlace()
    const { server: old } = await serve(place)
    const socket = await idle(old)
    const { generation, server } = await succeed(place, 1)
    server.on('timeout', (silent: net.Socket) => silent.end('goodbye'))
    generation.system.advance(7_000)
    expect(await readAll(socket)).toBe('goodbye')
    socket.destroy()
  })
})
