// Secure WebSockets, and TLS connections of a protocol that the application knows, change process.

import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import tls, { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { tls as identity } from '../support/tls.ts'
import { Client } from '../support/websockets.ts'

async function serveWebSockets(place: Place, options?: HandoffOptions) {
  const generation = await place.start(options)
  const server = generation.own(https.createServer(identity))
  const wss = new WebSocketServer({ server })
  generation.handoff.moveWebSockets(wss)
  const sockets: Socket[] = []
  wss.on('connection', (socket, request) => {
    sockets.push(request.socket)
    socket.on('message', (data) => socket.send(`${generation.system.pid} ${data}`))
  })
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, wss, sockets, port: (server.address() as AddressInfo).port }
}

test.each(['TLSv1.3', 'TLSv1.2'] as const)(
  'a WebSocket over %s is served by four generations',
  async (maxVersion) => {
    const place = openPlace()
    const first = await serveWebSockets(place)
    const socket = new WebSocket(`wss://127.0.0.1:${first.port}`, {
      rejectUnauthorized: false,
      maxVersion,
    })
    const client = new Client(socket)
    await until('it is open', () => first.wss.clients.size === 1)
    for (let count = 0; count < 3; count++) {
      const next = await serveWebSockets(place)
      await until('it has come', () => next.wss.clients.size === 1)
      const text = `${count} ${'x'.repeat(100_000)}`
      socket.send(text)
      await until('it is answered', () =>
        client.heard.includes(`${next.generation.system.pid} ${text}`),
      )
      expect(next.sockets[0]).toBeInstanceOf(TLSSocket)
      expect(next.generation.handoff.metrics().open).toMatchObject({ websocket: 1, tls: 0 })
    }
    expect(first.generation.handoff.metrics().fates.handedOver).toMatchObject({ websocket: 1 })
  },
)

test('a WebSocket with a cipher that cannot move is asked to connect again', async () => {
  const place = openPlace()
  const first = await serveWebSockets(place)
  const options = {
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES128-SHA',
  } as const
  const client = new Client(new WebSocket(`wss://127.0.0.1:${first.port}`, options))
  await until('it is open', () => first.wss.clients.size === 1)
  await serveWebSockets(place)
  await first.generation.reaches('drain')
  first.generation.system.advance(30_000 * 0.75)
  expect(await client.close()).toBe(1012)
})

/** Answers each line with the process that it is in, and how many lines there were. */
function lines(socket: Socket, { system }: Generation, counts: WeakMap<Socket, number>): void {
  if (!counts.has(socket)) counts.set(socket, 0)
  socket.on('error', () => {})
  socket.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter(Boolean)) {
      const count = (counts.get(socket) ?? 0) + 1
      counts.set(socket, count)
      socket.write(`${system.pid} ${count} ${line}\n`)
    }
  })
}

async function serveLines(place: Place) {
  const generation = await place.start()
  const counts = new WeakMap<Socket, number>()
  const sockets: Socket[] = []
  const closes: boolean[] = []
  const server = generation.own(tls.createServer(identity))
  generation.handoff.moveConnections(server, {
    atRest: () => true,
    export: (socket) => counts.get(socket),
    import: (socket, state) => counts.set(socket, state as number),
  })
  let plain = 0
  server.on('secureConnection', (socket) => {
    sockets.push(socket)
    socket.on('close', (failed) => closes.push(failed))
    lines(socket, generation, counts)
  })
  server.on('connection', () => {
    plain += 1
  })
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server, sockets, closes, plain: () => plain }
}

test('a connection of a TLS server goes over with its state, and hears of nothing', async () => {
  const place = openPlace()
  const first = await serveLines(place)
  const client = await SecureClient.connect(first.server)
  client.socket.write('a\n')
  await client.hears(`${first.generation.system.pid} 1 a\n`)
  for (let count = 2; count < 5; count++) {
    const next = await serveLines(place)
    await until('it has come', () => next.sockets.length === 1)
    client.socket.write('b\n')
    await client.hears(`${next.generation.system.pid} ${count} b\n`)
    expect(next.sockets[0]).toBeInstanceOf(TLSSocket)
    expect(next.generation.handoff.isAdopted(next.sockets[0] as Socket)).toBe(true)
    expect(next.plain()).toBe(0)
  }
  expect(first.closes).toEqual([])
  expect(first.generation.handoff.metrics().fates.handedOver).toMatchObject({ tls: 1, raw: 0 })
})

test('a client that speaks within a write of the server goes over later', async () => {
  const place = openPlace()
  const first = await serveLines(place)
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => SecureClient.connect(first.server)),
  )
  const timer = setInterval(() => {
    for (const client of clients) client.socket.write('x\n')
  }, 1)
  onTestFinished(() => clearInterval(timer))
  const next = await serveLines(place)
  await until('all have come', () => next.sockets.length === 10)
  clearInterval(timer)
  for (const client of clients) {
    client.socket.write('end\n')
    await client.hears(' end\n')
    const answered = client.heard.split('\n').filter(Boolean)
    expect(answered).toEqual(
      answered.map((_, index) => expect.stringMatching(` ${index + 1} (x|end)$`)),
    )
  }
})
