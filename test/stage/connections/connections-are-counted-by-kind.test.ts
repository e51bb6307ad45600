// What becomes of connections in a handoff, counted exactly and by kind.

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { type Fates, noFates, total } from '../../../packages/handoff/src/terms/fates.ts'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { connect, readAll, whereIs } from '../support/clients.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { tls } from '../support/tls.ts'
import { Client, FrameClient, frame, serveWebSockets } from '../support/websockets.ts'

const get = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'

/** One reply on a connection that stays open. */
async function exchange(socket: Socket): Promise<void> {
  socket.write(get)
  await once(socket, 'data')
}

async function idle(where: Parameters<typeof connect>[0], count: number): Promise<Socket[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => connect(where)))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map(exchange))
  return sockets
}

/** A process with a server of every kind, each on a port of its own. */
async function serveEverything(place: Place, options: HandoffOptions = {}) {
  const generation = await place.start(options)
  const { handoff } = generation
  const web = generation.http()
  const wss = new WebSocketServer({ noServer: true })
  handoff.moveWebSockets(wss)
  web.on('upgrade', (request, socket, head) => {
    if (request.headers.upgrade === 'other') {
      socket.write('HTTP/1.1 101 Other\r\n\r\n')
      socket.resume().on('end', () => socket.end())
    } else wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request))
  })
  const raw = generation.own(net.createServer((socket) => socket.resume()))
  handoff.moveConnections(raw, { atRest: () => true })
  const secure = generation.own(https.createServer(tls, (_, response) => response.end('secure')))
  const two = generation.own(http2.createSecureServer(tls, (_, response) => response.end('two')))
  const ports: number[] = []
  for (const server of [web, raw, secure, two]) {
    await handoff.listen(server, { host: '127.0.0.1', port: 0 })
    ports.push((server.address() as AddressInfo).port)
  }
  await handoff.ready()
  const [webPort = 0, rawPort = 0, securePort = 0, twoPort = 0] = ports
  return { generation, web, webPort, rawPort, securePort, twoPort }
}

function fates(some: Partial<Fates>): Fates {
  return { ...noFates, ...some }
}

test('one of each kind, in one handoff', async () => {
  const place = openPlace()
  const { generation: old, ...served } = await serveEverything(place)
  const { web, webPort, rawPort, securePort, twoPort } = served
  await idle(whereIs(web), 3)
  const request = await old.inFlight(whereIs(web))
  const sockets = [await Client.connect(webPort), await Client.connect(webPort)]
  const raws = [await connect(whereIs(web)), net.connect(rawPort, '127.0.0.1')]
  raws[0]?.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n')
  await once(raws[0] as Socket, 'data')
  const secure = connectTls({ port: securePort, rejectUnauthorized: false })
  await once(secure, 'secureConnect')
  await exchange(secure)
  const session = http2.connect(`https://127.0.0.1:${twoPort}`, { rejectUnauthorized: false })
  await once(session, 'connect')
  onTestFinished(() => {
    for (const socket of [...raws, secure]) socket.destroy()
    session.destroy()
  })

  const open = { http: 4, websocket: 2, raw: 1, tls: 1, http2: 1, other: 1 }
  await until('all are known', () => {
    const { connections, open } = old.handoff.metrics()
    return connections === 10 && open.http2 === 1
  })
  expect(old.handoff.metrics().open).toEqual(open)
  expect(old.handoff.metrics().fates.handedOver.http).toBe(0)

  const { generation: next } = await serveEverything(place)
  await until('what is at rest goes over', () => {
    const { connections, fates } = old.handoff.metrics()
    return connections === 3 && total(fates.handedOver) === 7
  })
  expect(old.handoff.metrics().fates).toMatchObject({
    handedOver: { http: 3, websocket: 2, raw: 1, tls: 1, http2: 0, other: 0 },
    drained: { http: 0 },
  })
  expect(next.handoff.metrics().open).toMatchObject({ http: 3, websocket: 2, raw: 1, tls: 1 })

  request.finish()
  await request.answer
  await exchange(secure)
  session.request().resume()
  await once(session, 'close')
  raws[0]?.end()
  const { counts, fates: became } = await old.told('drained')
  expect(became).toEqual(
    fates({
      handedOver: { http: 3, websocket: 2, raw: 1, tls: 1 },
      drained: { http: 1, other: 1 },
      closed: { http2: 1 },
    }),
  )
  expect(counts).toEqual({ handedOver: 7, drained: 2, closed: 1, forced: 0 })
  expect(old.handoff.metrics()).toMatchObject({ connections: 0, fates: became })
  // In the new process they only live on.
  expect(next.handoff.metrics().fates.drained.http).toBe(0)
  for (const { socket } of sockets) socket.terminate()
})

test('what is left at the deadline is cut, whatever it was told', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place, { hooks: false })
  const request = await old.generation.inFlight(whereIs(old.server))
  // It never answers the close frame.
  await FrameClient.connect(old.port)
  const polite = await Client.connect(old.port)
  await serveWebSockets(place, { hooks: false })
  old.generation.system.advance(29_000)
  expect(await polite.close()).toBe(1012)
  await until('it has gone', () => old.generation.handoff.metrics().connections === 2)
  old.generation.system.advance(1_000)
  await expect(request.answer).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect((await old.generation.told('drained')).fates).toEqual(
    fates({ closed: { websocket: 1 }, forced: { http: 1, websocket: 1 } }),
  )
})

test('a WebSocket that ends of its own accord is no closed one', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place, { hooks: false })
  const client = await FrameClient.connect(old.port)
  await serveWebSockets(place, { hooks: false })
  client.send(frame(8, Buffer.from([0x03, 0xe8])))
  expect((await old.generation.told('drained')).fates).toEqual(fates({ drained: { websocket: 1 } }))
})

describe('parked connections', () => {
  async function second(options: HandoffOptions = {}) {
    const place = openPlace()
    const { server } = await place.serve()
    await idle(whereIs(server), 3)
    const { generation } = await place.serve(options)
    await until('they have come', () => generation.handoff.metrics().open.http === 3)
    return { place, generation }
  }

  async function expectFates(generation: Generation, expected: Partial<Fates>): Promise<void> {
    expect((await generation.told('drained')).fates).toEqual(fates(expected))
  }

  test('are handed on', async () => {
    const { place, generation } = await second()
    await place.serve()
    await expectFates(generation, { handedOver: { http: 3 } })
  })

  test('are closed at a stop', async () => {
    const { generation } = await second()
    void generation.handoff.stop()
    await expectFates(generation, { closed: { http: 3 } })
  })

  test('end by themselves where nobody takes them', async () => {
    const { place, generation } = await second()
    await place.newPeer().takeOver()
    await generation.reaches('drain')
    generation.system.advance(10_000)
    await expectFates(generation, { drained: { http: 3 } })
  })

  test('are cut at the deadline', async () => {
    const { place, generation } = await second({ drainTimeoutMs: 1_000 })
    await place.newPeer().takeOver()
    await generation.reaches('drain')
    generation.system.advance(1_000)
    await expectFates(generation, { forced: { http: 3 } })
  })
})

test('a stop closes what is idle, and counts what it has told', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  await idle(whereIs(old.server), 2)
  const client = await Client.connect(old.port)
  void old.generation.handoff.stop()
  old.generation.system.advance(10)
  expect(await client.close()).toBe(1012)
  expect((await old.generation.told('drained')).fates).toEqual(
    fates({ closed: { http: 2, websocket: 1 } }),
  )
})

test('connections that end while the process serves count for nothing', async () => {
  const place = openPlace()
  const { generation, server } = await place.serve()
  for (const socket of await idle(whereIs(server), 2)) socket.destroy()
  await until('they have gone', () => generation.handoff.metrics().connections === 0)
  await place.serve()
  expect((await generation.told('drained')).fates).toEqual(noFates)
})

test('a take-back counts what comes back, and closes what the dead process had used', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const sockets = await idle(whereIs(server), 3)
  const peer = place.newPeer()
  const key = 'tcp:127.0.0.1:0#1'
  await peer.takeOver([key], [key])
  await peer.hear('connections')
  peer.say({ type: 'adopted', received: 3 })
  await until('they are acked', () => old.handoff.metrics().fates.handedOver.http === 3)
  const rests = sockets.map((socket) => readAll(socket))
  // It uses one, and dies: what the client got is no answer of the old process.
  writeSync(peer.descriptors.at(-1) as number, 'x')
  peer.die()
  const { connections, fates: became } = await old.told('taken-back')
  expect(connections).toEqual({ back: 2, closed: 1 })
  expect(became).toEqual(
    fates({ handedOver: { http: 3 }, takenBack: { http: 2 }, closed: { http: 1 } }),
  )
  expect(await Promise.race(rests)).toBe('x')
  // The next handoff begins to count from nothing, and the process goes on.
  for (const socket of sockets) socket.destroy()
  await until('they have gone', () => old.handoff.metrics().connections === 0)
  const from = old.events.length
  await place.serve()
  expect((await old.told('drained', from)).fates).toEqual(noFates)
  expect(old.handoff.metrics().fates).toMatchObject({
    handedOver: { http: 3 },
    takenBack: { http: 2 },
  })
})

test('a WebSocket over TLS and HTTP/2 in clear are what they are', async () => {
  const place = openPlace()
  const old = await place.start()
  const secure = old.own(https.createServer(tls))
  new WebSocketServer({ server: secure })
  const clear = old.own(http2.createServer((_, response) => response.end('clear')))
  for (const server of [secure, clear]) await old.handoff.listen(server, { port: 0 })
  await old.handoff.ready()
  const portOf = (server: net.Server) => (server.address() as AddressInfo).port
  const socket = new WebSocket(`wss://localhost:${portOf(secure)}`, { rejectUnauthorized: false })
  await once(socket, 'open')
  const session = http2.connect(`http://localhost:${portOf(clear)}`)
  await once(session.request().resume(), 'end')
  await until('both are known', () => {
    const { websocket, http2: sessions } = old.handoff.metrics().open
    return websocket === 1 && sessions === 1
  })
  expect(old.handoff.metrics()).toMatchObject({ connections: 2, open: { tls: 0, raw: 0 } })

  void old.handoff.stop()
  old.system.advance(10)
  expect((await old.told('drained')).fates).toEqual(fates({ closed: { websocket: 1, http2: 1 } }))
  session.destroy()
})
