// A WebSocket that cannot go over is told 1012, service restart: well before it would be cut.

import { readFileSync } from 'node:fs'
import type http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { until } from '../../support/until.ts'
import { ask, connect, readAll, whereIs } from '../support/clients.ts'
import { openPlace, type Place } from '../support/place.ts'
import {
  Client,
  FrameClient,
  frame,
  type ServeOptions,
  serveWebSockets,
  staysAt,
} from '../support/websockets.ts'

/** Three quarters of the drain time, 30 s: by then whatever cannot go over has been told. */
const dismissedMs = 22_500

test('not before the drain, and none later than three quarters of it', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place, { hooks: false })
  const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(old.port)))
  old.generation.system.advance(60_000)
  await serveWebSockets(place, { hooks: false })
  expect(await staysAt(old)).toBe(20)

  // One by one: after half the time some have been told, and some have not.
  old.generation.system.advance(dismissedMs / 2)
  await staysAt(old)
  const early = clients.filter(({ closed }) => closed !== undefined).length
  expect(early).toBeGreaterThan(0)
  expect(early).toBeLessThan(20)
  old.generation.system.advance(dismissedMs / 2)
  for (const client of clients) expect(await client.close()).toBe(1012)
  const { counts } = await old.generation.told('drained')
  expect(counts).toEqual({ drained: 0, handedOver: 0, closed: 20, forced: 0 })
})

test.each<[string, ServeOptions, ServeOptions]>([
  ['the new process takes none', {}, { hooks: false }],
  ['its server leaves it out', { hooks: { includes: () => false } }, {}],
  [
    'it is compressed in one stream',
    { server: { noServer: true, perMessageDeflate: true } },
    { server: { noServer: true, perMessageDeflate: true } },
  ],
])('where %s', async (_, options, nextOptions) => {
  const place = openPlace()
  const old = await serveWebSockets(place, options)
  const client = await Client.connect(old.port, '/', { perMessageDeflate: true })
  await client.ask('a')
  const next = await serveWebSockets(place, nextOptions)
  expect(await staysAt(old)).toBe(1)
  expect(await client.ask('b')).toBe(`${old.generation.system.pid} b`)
  old.generation.system.advance(dismissedMs)
  expect(await client.close()).toBe(1012)
  expect(next.wss.clients.size).toBe(0)
})

test.each<[string, NonNullable<ServeOptions['hooks']>, RegExp]>([
  [
    'its export fails',
    {
      export() {
        throw new Error('no state today')
      },
    },
    /no state today/,
  ],
  ['its state is no JSON', { export: () => 1n }, /BigInt/],
  ['its state is too large', { export: () => 'x'.repeat(600_000) }, /600\d\d\d bytes/],
  [
    'its atRest fails',
    {
      atRest() {
        throw new Error('who knows')
      },
    },
    /who knows/,
  ],
])('where %s: with a warning, and the others go over', async (_, hooks, warning) => {
  const place = openPlace()
  let count = 0
  const guarded = Object.fromEntries(
    Object.entries(hooks).map(([name, hook]) => [
      name,
      (_: unknown, { url }: http.IncomingMessage) =>
        url === '/bad' ? (hook as () => unknown)() : undefined,
    ]),
  )
  const old = await serveWebSockets(place, { hooks: guarded, onConnection: () => count++ })
  const bad = await Client.connect(old.port, '/bad')
  await Client.connect(old.port, '/good')
  await until('both are open', () => count === 2)
  const { wss } = await serveWebSockets(place)
  await until('one goes over', () => wss.clients.size === 1)
  expect(await staysAt(old)).toBe(1)
  expect(old.generation.all('warning').map(({ message }) => message)).toEqual([
    expect.stringMatching(warning),
  ])
  // It could have gone over until late: it has a little longer than the rest.
  old.generation.system.advance(dismissedMs * (7 / 6))
  expect(await bad.close()).toBe(1012)
})

test.each<[string, Partial<ServeOptions['server'] & object>]>([
  ['refuses the request', { verifyClient: () => false }],
  ['chooses another protocol', { handleProtocols: () => 'b' }],
])('where the new process %s at the replay, and never raw HTTP', async (_, server) => {
  const place = openPlace()
  const old = await serveWebSockets(place, { server: { noServer: true } })
  const client = await FrameClient.connect(old.port, 'Sec-WebSocket-Protocol: a, b')
  client.send(frame(1, 'hello'))
  await client.hears('hello')
  const heard = client.received.length
  await serveWebSockets(place, { server: { noServer: true, ...server } })
  await client.hears('service restart')
  expect(client.received.subarray(heard, heard + 4)).toEqual(Buffer.from([0x88, 17, 0x03, 0xf4]))
  expect(client.received.length).toBe(heard + 19)
})

/** A process that takes WebSockets, and has no server that would answer their upgrade. */
async function serveNone(place: Place, onServer: (server: http.Server) => void = () => {}) {
  const generation = await place.start()
  const server = generation.http()
  generation.handoff.moveWebSockets(new WebSocketServer({ noServer: true }))
  onServer(server)
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return generation
}

test('where the new process has no server for it at all', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await Client.connect(old.port)
  await serveNone(place)
  expect(await client.close()).toBe(1012)
})

test('where the new process does not answer the replay in time', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await Client.connect(old.port)
  let asked = 0
  const next = await serveNone(place, (server) => server.on('upgrade', () => asked++))
  await until('it is asked', () => asked === 1)
  expect(client.closed).toBeUndefined()
  next.system.advance(10_000)
  expect(await client.close()).toBe(1012)
})

test('where its import fails, with a warning', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await Client.connect(old.port)
  const { generation: next } = await serveWebSockets(place, {
    hooks: {
      import() {
        throw new Error('cannot read that')
      },
    },
  })
  expect(await client.close()).toBe(1012)
  expect(next.all('warning')[0]?.message).toMatch(/cannot read that/)
})

test('a message that the server has begun is finished first, and nothing follows the close', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place, { hooks: false })
  const client = await FrameClient.connect(old.port)
  await until('it is open', () => old.wss.clients.size === 1)
  const [socket] = old.wss.clients
  socket?.send('half', { fin: false })
  await client.hears('half')
  await serveWebSockets(place)
  old.generation.system.advance(dismissedMs)
  await staysAt(old)
  expect(String(client.received)).not.toContain('service restart')
  socket?.send('whole', { fin: true })
  await client.hears('service restart')
  socket?.send('too late')
  await staysAt(old)
  expect(String(client.received)).toMatch(/half.*whole.*service restart$/s)
  expect(client.ended).toBe(false)
  // The client says goodbye too.
  client.send(frame(8, Buffer.from([0x03, 0xf4])))
  await until('it ends', () => client.ended)
})

test('a WebSocket over TLS that must not move too, in one of its own frames', async () => {
  const place = openPlace()
  const file = (name: string) =>
    readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))
  const [cert, key] = [file('certificate.pem'), file('key.pem')]
  const serve = async () => {
    const generation = await place.start({ tls: 'close' })
    const server = generation.own(https.createServer({ cert, key }))
    const wss = new WebSocketServer({ server })
    generation.handoff.moveWebSockets(wss)
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    return { generation, wss, port: (server.address() as AddressInfo).port }
  }
  const old = await serve()
  const options = { ca: cert, servername: 'localhost', rejectUnauthorized: false }
  const client = new Client(new WebSocket(`wss://127.0.0.1:${old.port}`, options))
  await until('it is open', () => old.wss.clients.size === 1)
  await serve()
  expect(await staysAt(old)).toBe(1)
  old.generation.system.advance(dismissedMs)
  expect(await client.close()).toBe(1012)
})

describe('without a successor', () => {
  const connect20 = ({ port }: { port: number }) =>
    Promise.all(Array.from({ length: 20 }, () => Client.connect(port)))

  test('100 a second are told, and the others are answered meanwhile', async () => {
    const old = await serveWebSockets(openPlace())
    const { system, handoff } = old.generation
    const clients = await connect20(old)
    void handoff.stop()
    expect(await staysAt(old)).toBe(20)

    system.advance(100)
    const told = await until('some are told', () => {
      const some = clients.filter(({ closed }) => closed !== undefined)
      return some.length === 20 - old.wss.clients.size && some.length > 0 ? some : undefined
    })
    expect(told.length).toBeLessThan(20)
    const left = clients.filter(({ closed }) => closed === undefined)
    for (const client of left) expect(await client.ask('still')).toBe(`${system.pid} still`)
    expect(system.exits).toEqual([])

    system.advance(100)
    for (const client of clients) expect(await client.close()).toBe(1012)
    expect(await old.generation.exit()).toBe(0)
    const { counts } = await old.generation.told('drained')
    expect(counts).toEqual({ drained: 0, handedOver: 0, closed: 20, forced: 0 })
  })

  test('none is told later than three quarters of a short drain time', async () => {
    const old = await serveWebSockets(openPlace(), { start: { drainTimeoutMs: 40 } })
    const clients = await connect20(old)
    void old.generation.handoff.stop()
    old.generation.system.advance(30)
    for (const client of clients) expect(await client.close()).toBe(1012)
    expect(await old.generation.exit()).toBe(0)
  })

  test('nor does one that drains for its successor take its time any more', async () => {
    const place = openPlace()
    const old = await serveWebSockets(place, { hooks: false })
    const clients = await connect20(old)
    await serveWebSockets(place, { hooks: false })
    expect(await staysAt(old)).toBe(20)
    void old.generation.handoff.stop()
    old.generation.system.advance(200)
    for (const client of clients) expect(await client.close()).toBe(1012)
    expect(await old.generation.exit()).toBe(0)
  })
})

test('a server without WebSockets answers an upgrade as any other request', async () => {
  const place = openPlace()
  const { server, generation } = await place.serve()
  const socket = await connect(whereIs(server))
  socket.write(
    'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
  )
  expect(await readAll(socket)).toMatch(new RegExp(`200 OK.*${generation.system.pid}`, 's'))
  // So does one that had a listener and took it away.
  const listener = () => {}
  server.on('upgrade', listener)
  expect(server.listenerCount('upgrade')).toBe(1)
  server.off('upgrade', listener)
  expect(server.listenerCount('upgrade')).toBe(0)
  expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
})
