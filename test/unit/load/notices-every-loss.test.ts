// The judge of "nothing is lost" sees what it is there for.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { Death } from '../../support/load/death.ts'
import { KeptLoad } from '../../support/load/kept-load.ts'
import { Tally } from '../../support/load/tally.ts'
import { WebSocketLoad } from '../../support/load/websocket-load.ts'
import { hasProc } from '../../support/process-facts.ts'
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

async function keep(reply: RequestListener, death = new Death()) {
  const { port } = await serve(reply)
  const tally = new Tally(death.judge)
  const target = { port }
  const load = await KeptLoad.start({ target, count: 2, thinkMs: 2, seed: 1, tally, death })
  onTestFinished(() => load.close())
  return { load, tally }
}

const hello: RequestListener = (_, response) => void response.end('hello\n')

/** Does something else for the fifth request. */
function onFifth(other: RequestListener): RequestListener {
  let count = 0
  return (request, response) => (++count === 5 ? other : hello)(request, response)
}

test('kept connections that are left alone are the same at the end', async () => {
  const { load, tally } = await keep(hello)
  await load.more(5)
  await load.stop()
  expect([load.same, load.closed, tally.failed], `${tally}`).toEqual([2, 0, 0])
})

test.each<[string, RequestListener, Partial<Record<string, number>>]>([
  ['reset', ({ socket }) => void socket.destroy(), { closed: 1, reset: 1 }],
  ['truncated', (_, response) => cut(response), { closed: 1, truncated: 1 }],
  ['another body', (_, response) => void response.end('hullo\n'), { wrongBody: 1 }],
  ['a 503', (_, response) => void response.writeHead(503).end('hello\n'), { non2xx: 1 }],
  [
    'a farewell',
    (_, response) => void response.setHeader('connection', 'close').end('hello\n'),
    { closed: 1, dismissed: 1 },
  ],
])('a kept connection that gets %s is noticed', async (_, reply, expected) => {
  const { load, tally } = await keep(onFifth(reply))
  await load.more(8)
  await load.stop()
  const { closed = 0, ...kinds } = expected
  expect(load.closed, load.failures.join()).toBe(closed)
  expect(load.same).toBe(2 - closed)
  for (const [kind, count] of Object.entries(kinds)) {
    expect(tally.count('kept', kind as 'ok'), `${tally}`).toBe(count)
  }
})

test('a reply that nobody asked for is noticed', async () => {
  const { load, tally } = await keep(
    onFifth(({ socket }, response) => {
      response.end('hello\n', () => socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n'))
    }),
  )
  await load.more(8)
  await load.stop()
  // To the client it is the next request's, if that was sent by then.
  expect(load.closed + tally.failed).toBeGreaterThan(0)
})

function cut(response: http.ServerResponse): void {
  response.writeHead(200, { 'content-length': 6 })
  response.write('hel', () => (response.socket as Socket).destroy())
}

type Echo = (socket: WebSocket, number: number) => void

async function echoes(echo: Echo) {
  const { server, port } = await serve(hello)
  const wss = new WebSocketServer({ server })
  wss.on('connection', (socket) => socket.on('message', (data) => echo(socket, Number(data))))
  const load = await WebSocketLoad.start({ port, count: 1, pace: { everyMs: 2 } })
  onTestFinished(() => load.close())
  return load
}

const send = (socket: WebSocket, number: number, count = number) =>
  socket.send(`${number} ${count} 1`)

test.each<[string, Echo, object]>([
  [
    'comes twice',
    (socket, number) => {
      send(socket, number)
      if (number === 3) send(socket, number)
    },
    { doubled: 1 },
  ],
  [
    'comes late',
    (socket, number) => {
      if (number !== 3) send(socket, number)
      if (number === 4) send(socket, 3)
    },
    { reordered: 1 },
  ],
  [
    'has lost its count',
    (socket, number) => send(socket, number, number === 3 ? 1 : number),
    { miscounted: 1 },
  ],
])('a message that %s is noticed', async (_, echo, expected) => {
  const load = await echoes(echo)
  await load.more(8)
  expect(await load.stop()).toHaveLength(1)
  const none = { lost: 0, reordered: 0, doubled: 0, miscounted: 0 }
  expect(load.echoes).toMatchObject({ ...none, ...expected })
})

test('a WebSocket that is closed, and what was lost with it, is noticed', async () => {
  const load = await echoes((socket, number) => {
    if (number < 3) send(socket, number)
    else socket.close(1012)
  })
  await until('it is closed', () => load.closed === 1)
  const failures = await load.stop()
  expect(failures).toHaveLength(2)
  expect(failures[0]).toMatch(/1012/)
  expect(load.echoes.lost).toBeGreaterThanOrEqual(1)
  expect(load.same).toBe(0)
})

test.skipIf(!hasProc)('only what a killed process may have had is excused', async () => {
  const child = spawn('sleep', ['60'])
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const usedBy = String(child.pid)
  const death = new Death()

  const before = { begunAt: performance.now() }
  const answeredBefore = { usedBy, answeredAt: performance.now() - 1_000 }
  death.expect()
  const meanwhile = { begunAt: performance.now() }
  expect(death.excuses(meanwhile), 'nobody has died').toBe(false)
  await death.kill(Number(child.pid), { stopAfterMs: 0, holdMs: 0 })
  expect((await exited)[1]).toBe('SIGKILL')
  const after = { begunAt: performance.now() }

  const excuses = () => [before, meanwhile, after, {}].map((loss) => death.excuses(loss))
  expect(excuses()).toEqual([false, true, false, false])
  const ofUsed = () => {
    // Surely in its last moment: how long the kill took, nobody knows.
    const answeredLast = { usedBy, answeredAt: after.begunAt }
    const losses = [
      // State that went with it, or a piece of an answer.
      { usedBy },
      { ...after, usedBy: '1' },
      // At rest, or asked when it stood still.
      answeredLast,
      { ...after, ...answeredLast },
      answeredBefore,
      { ...after, ...answeredBefore },
      // It may have read that.
      { ...meanwhile, ...answeredBefore },
    ]
    return losses.map((loss) => death.excuses(loss))
  }
  const expected = [true, false, true, true, false, false, true]
  expect(ofUsed()).toEqual(expected)
  death.settle()
  expect(excuses()).toEqual([false, false, false, false])
  expect(ofUsed(), 'noticed late').toEqual(expected)
})
