// HTTPS connections go over between two requests, and their clients notice nothing.

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import type tls from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { identities } from '../../support/tls/identities.ts'
import { optionsOf } from '../../support/tls/key-log.ts'
import { suites } from '../../support/tls/reference.ts'
import { until } from '../../support/until.ts'
import { type Generation, openPlace } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { hasConnections, serveSecurely } from '../support/secure-server.ts'

const warnings = (generation: Generation) => generation.all('warning').map((one) => one.message)

async function turns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate)
}

describe.each(suites)('with $name', (suite) => {
  const clientOptions = { ...optionsOf(suite), ca: identities.cert }
  const options = { tlsOptions: identities }

  test('a connection is served by four generations, downloads and uploads', async () => {
    const place = openPlace()
    const first = await serveSecurely(place, options)
    const client = await SecureClient.connect(first.server, clientOptions)
    expect(await client.ask()).toBe(`${first.generation.system.pid} 0`)
    for (let count = 0; count < 3; count++) {
      const next = await serveSecurely(place, options)
      await hasConnections(next, 1)
      const { pid } = next.generation.system
      expect(await client.ask('/1000000')).toBe(`${pid} 0${'x'.repeat(1_000_000)}`)
      client.heard = ''
      const head = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 700000\r\n\r\n'
      client.socket.write(head + 'y'.repeat(700_000))
      expect(await client.answer()).toBe(`${pid} 700000`)
      expect(next.sockets).toHaveLength(1)
      expect(next.generation.handoff.metrics().open).toMatchObject({ tls: 1, http: 0 })
    }
    expect(first.generation.handoff.metrics().fates.handedOver).toMatchObject({ tls: 1, http: 0 })
  })

  test('a connection without a request goes over, and on to the next process', async () => {
    const place = openPlace()
    const first = await serveSecurely(place, options)
    const client = await SecureClient.connect(first.server, clientOptions)
    await hasConnections(first, 1)
    const second = await serveSecurely(place, options)
    await hasConnections(second, 1)
    const third = await serveSecurely(place, options)
    await hasConnections(third, 1)
    expect(second.sockets).toEqual([]) // It was never more than a descriptor there.
    expect(await client.ask()).toBe(`${third.generation.system.pid} 0`)
  })
})

test('half of a request stays, and goes over with its answer', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const client = await SecureClient.connect(old.server)
  client.socket.write('GET / HTTP/1.1\r\nhost: loc')
  await until('it was read', () => (old.sockets[0]?.bytesRead ?? 0) > 0)
  const next = await serveSecurely(place)
  await turns()
  expect(old.generation.handoff.metrics().connections).toBe(1)
  client.socket.write('alhost\r\n\r\n')
  expect(await client.answer()).toBe(`${old.generation.system.pid} 0`)
  await hasConnections(next, 1)
  expect(await client.ask()).toBe(`${next.generation.system.pid} 0`)
})

test('requests that arrive while the connection is on its way are answered by the new process', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => SecureClient.connect(old.server)),
  )
  for (const client of clients) await client.ask()
  const going = serveSecurely(place)
  for (let count = 0; count < 30; count++) {
    await Promise.all(clients.map((client) => client.ask('/20000')))
  }
  const next = await going
  await hasConnections(next, 20)
  expect(await clients[7]?.ask()).toBe(`${next.generation.system.pid} 0`)
})

test('the application forbids it: the clients are asked to leave', async () => {
  const place = openPlace()
  const old = await serveSecurely(place, { tls: 'close' })
  const client = await SecureClient.connect(old.server)
  await client.ask()
  await serveSecurely(place)
  await old.generation.reaches('drain')
  await client.ask()
  expect(client.heard).toMatch(/connection: close/i)
  expect(warnings(old.generation)).toEqual([])
})

test.each([
  [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }, /cipher suite is none of/],
  [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    /older than 1\.2/,
  ],
] as const)(
  'a connection that cannot move is asked to leave, the reason is said once: %j',
  async (variant, reason) => {
    const place = openPlace()
    const tlsOptions: tls.TlsOptions = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }
    const old = await serveSecurely(place, { tlsOptions })
    const clients = [
      await SecureClient.connect(old.server, variant),
      await SecureClient.connect(old.server, variant),
    ]
    const movable = await SecureClient.connect(old.server)
    for (const client of [...clients, movable]) await client.ask()
    const next = await serveSecurely(place)
    await hasConnections(next, 1)
    await old.generation.reaches('drain')
    for (const client of clients) {
      expect(await client.ask()).toBe(`${old.generation.system.pid} 0`)
      expect(client.heard).toMatch(/connection: close/i)
      await until('it ends', () => client.ended)
    }
    expect(await movable.ask()).toBe(`${next.generation.system.pid} 0`)
    expect(movable.heard).toMatch(/connection: keep-alive/i)
    expect(warnings(old.generation)).toEqual([expect.stringMatching(reason)])
    expect(await old.generation.told('drained')).toMatchObject({
      counts: { handedOver: 1, closed: 2 },
    })
  },
)

const header = 'PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n'

test('a connection with bytes before TLS is asked to leave, the reason is said once', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  // As a program that reads the PROXY protocol itself.
  const proxied = net.createServer((socket) => {
    socket.once('readable', () => {
      expect(`${socket.read(header.length)}`).toBe(header)
      old.server.emit('connection', socket)
    })
  })
  old.generation.own(proxied.listen(0, '127.0.0.1'))
  await once(proxied, 'listening')
  const { port } = proxied.address() as AddressInfo
  const connect = async () => {
    const socket = net.connect(port, '127.0.0.1')
    socket.write(header)
    return await SecureClient.connect(old.server, { socket })
  }
  const clients = [await connect(), await connect()]
  for (const client of clients) await client.ask()

  await serveSecurely(place)
  await until('they were looked at', () => warnings(old.generation).length > 0)
  for (const client of clients) {
    expect(await client.ask()).toBe(`${old.generation.system.pid} 0`)
    expect(client.heard).toMatch(/connection: close/i)
    await until('it ends', () => client.ended)
  }
  expect(warnings(old.generation)).toEqual([expect.stringMatching(/no records of TLS/)])
  expect(await old.generation.told('drained')).toMatchObject({
    counts: { handedOver: 0, closed: 2 },
  })
})

test('keys go to no process of another user, although it may take over', async () => {
  const place = openPlace()
  const uid = process.getuid?.() as number
  const old = await serveSecurely(place, { allowUids: [uid] })
  const client = await SecureClient.connect(old.server)
  await client.ask()
  // What the kernel says of the new process stays as it is.
  old.generation.system.uid = uid + 1
  await serveSecurely(place)
  await old.generation.reaches('drain')
  expect(await client.ask()).toBe(`${old.generation.system.pid} 0`)
  expect(client.heard).toMatch(/connection: close/i)
  expect(await old.generation.told('drained')).toMatchObject({ counts: { handedOver: 0 } })
})

describe('a parked connection', () => {
  async function parked(set = {}) {
    const place = openPlace()
    const old = await serveSecurely(place, { set })
    const client = await SecureClient.connect(old.server)
    await client.ask()
    const next = await serveSecurely(place, { set })
    await hasConnections(next, 1)
    return { next, client }
  }

  test('ends with close_notify at its keep-alive time', async () => {
    const { next, client } = await parked({ keepAliveTimeout: 3_000 })
    const errors = vi.fn()
    client.socket.on('error', errors)
    next.generation.system.advance(10_000)
    await until('it ends', () => client.ended)
    expect(errors).not.toHaveBeenCalled()
    expect(next.sockets).toEqual([])
  })

  test('ends with close_notify at a stop', async () => {
    const { next, client } = await parked()
    void next.generation.handoff.stop()
    await until('it ends', () => client.ended)
    expect(await next.generation.exit()).toBe(0)
  })

  test('ends with close_notify if the application closes its server', async () => {
    const { next, client } = await parked()
    next.server.close()
    await until('it ends', () => client.ended)
  })

  test('is a connection of its server', async () => {
    const { next } = await parked()
    const count = await new Promise((resolve) => {
      next.server.getConnections((_, connections) => resolve(connections))
    })
    expect(count).toBe(1)
  })

  test('ends with the client', async () => {
    const { next, client } = await parked()
    client.socket.end()
    await once(client.socket, 'close')
    await hasConnections(next, 0)
  })
})
