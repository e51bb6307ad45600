// The load of benchmarks counts a wait from the due time, and counts and reopens each connection that a server closes.

import { once } from 'node:events'
import http, { type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Arrivals } from '../../support/load/arrivals.ts'
import { Death } from '../../support/load/death.ts'
import { KeptLoad } from '../../support/load/kept-load.ts'
import { Recorder } from '../../support/load/recorder.ts'
import { WebSocketLoad } from '../../support/load/websocket-load.ts'
import { until } from '../../support/until.ts'

async function serve(reply: RequestListener): Promise<{ server: http.Server; port: number }> {
  const server = http.createServer(reply).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const hello: RequestListener = (_, response) => void response.end('hello\n')

/** Starts a server that answers no request before it is released. */
async function serveLater() {
  const held: ServerResponse[] = []
  let isReleased = false
  const { port } = await serve((_, response) => {
    if (isReleased) response.end('hello\n')
    else held.push(response)
  })
  const release = () => {
    isReleased = true
    for (const response of held) response.end('hello\n')
  }
  return { port, held, release }
}

const everyMs = 5

/** Returns how far two moments within the interval are from each other. The end of one is the begin of the next. */
function distance(a: number, b: number): number {
  const between = Math.abs(a - b)
  return Math.min(between, everyMs - between)
}

test('connections begin at their due times although the server answers none, and each wait counts from there', async () => {
  const { port, held, release } = await serveLater()
  const recorder = new Recorder()
  const options = { perSecond: 1000 / everyMs, limit: 100, deadlineMs: 10_000 }
  const arrivals = new Arrivals({ port }, options, recorder)
  await until('40 are under way', () => held.length >= 40)
  const stopped = arrivals.stop()
  release()
  await stopped
  const { startedAt, ms } = recorder.recorded
  expect(recorder.failed).toBe(0)
  // The first one has waited until the 40th was due.
  expect(Math.max(...ms)).toBeGreaterThan(38 * everyMs)
  // Each was due at a multiple of the interval, however late the client began it. A client that loses its core
  // between its two looks at the clock records a later time: that must stay an exception.
  const offsets = startedAt.map((at) => at % everyMs).sort((a, b) => a - b)
  const usual = offsets[Math.floor(offsets.length / 2)] ?? 0
  const odd = offsets.filter((offset) => distance(offset, usual) > everyMs / 5)
  expect(odd.length, `${odd} beside ${usual}`).toBeLessThan(startedAt.length / 4)
  expect(arrivals.lateMs).toHaveLength(recorder.requests)
})

test('connections above the limit are not begun but counted', async () => {
  const { port, held, release } = await serveLater()
  const options = { perSecond: 1_000, limit: 3, deadlineMs: 10_000 }
  const arrivals = new Arrivals({ port }, options, new Recorder())
  await until('one is held back', () => arrivals.heldBack > 0)
  const stopped = arrivals.stop()
  await until('three are under way', () => held.length === 3)
  release()
  await stopped
  expect(held).toHaveLength(3)
})

test('the client closes a connection whose reply says so, and opens another one', async () => {
  let replies = 0
  const { port } = await serve((_, response) => {
    if (++replies === 3) response.setHeader('connection', 'close')
    response.end('hello\n')
  })
  const [tally, death] = [new Recorder(), new Death()]
  const load = await KeptLoad.start({
    target: { port },
    count: 1,
    thinkMs: 0,
    seed: 1,
    tally,
    death,
  })
  onTestFinished(() => load.close())
  await load.more(6)
  await load.stop()
  expect([load.closed, load.same]).toEqual([1, 0])
  expect([tally.total('dismissed'), tally.failed]).toEqual([1, 1])
})

test('a kept connection that cannot be opened again counts as a refused request', async () => {
  const { server, port } = await serve(hello)
  const [tally, death] = [new Recorder(), new Death()]
  const load = await KeptLoad.start({
    target: { port },
    count: 1,
    thinkMs: 0,
    seed: 1,
    tally,
    death,
  })
  onTestFinished(() => load.close())
  await load.more(1)
  server.close()
  server.closeAllConnections()
  await until('a refused request', () => tally.total('refused') > 0)
  await load.stop()
  expect(load.closed).toBe(1)
})

test('a client with `reopens` opens a closed WebSocket again, and its lost messages count', async () => {
  const { server, port } = await serve(hello)
  let opened = 0
  new WebSocketServer({ server }).on('connection', (socket) => {
    const isFirst = ++opened === 1
    socket.on('message', (data) => {
      if (isFirst && Number(data) === 3) socket.close(1012)
      else socket.send(`${data} ${data} 1`)
    })
  })
  const load = await WebSocketLoad.start({ port, count: 1, pace: { everyMs: 2 }, reopens: true })
  onTestFinished(() => load.close())
  await until('it is opened again', () => opened === 2)
  await load.more(3)
  await load.stop()
  expect([load.closed, load.cut]).toEqual([1, 0])
  expect(load.echoes.sent - load.echoes.echoed).toBeGreaterThanOrEqual(1)
  expect(load.echoes.lost).toBe(load.echoes.sent - load.echoes.echoed)
})
