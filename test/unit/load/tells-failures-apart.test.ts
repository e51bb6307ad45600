// The load is the judge of every claim: here it must catch each kind of failure itself.

import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { send, type Target } from '../../support/load/send.ts'

async function serve(reply: RequestListener): Promise<Target> {
  const server = http.createServer(reply).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port }
}

test.each<[string, RequestListener]>([
  ['ok', (_, response) => response.end('hello')],
  ['reset', (request) => request.socket.destroy()],
  ['timeout', () => {}],
  ['non2xx', (_, response) => response.writeHead(503).end()],
  [
    'truncated',
    (_, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('hello', () => response.destroy())
    },
  ],
  [
    'truncated',
    (_, response) => {
      response.write('a chunk', () => response.destroy())
    },
  ],
  ['wrongBody', (_, response) => response.end('good bye')],
])('%s', async (kind, reply) => {
  const target = await serve(reply)
  const deadline = kind === 'timeout' ? { deadlineMs: 200 } : {}
  const outcome = await send(target, { path: '/', text: 'hello', ...deadline })
  expect(outcome.kind, outcome.detail).toBe(kind)
})

test('a reply whose digest is wrong, or that names none, is a failure', async () => {
  const named = await serve((_, response) => response.setHeader('x-sha256', '00').end('hello'))
  const unnamed = await serve((_, response) => response.end('hello'))
  for (const target of [named, unnamed]) {
    expect((await send(target, { path: '/', checkSha256: true })).kind).toBe('wrongBody')
  }
})

test('refused', async () => {
  const outcome = await send({ port: await freePort() }, { path: '/' })
  expect(outcome.kind, outcome.detail).toBe('refused')
})

test('a keep-alive connection that is closed without a word is a failure, one that is told is not', async () => {
  let replies = 0
  const target = await serve((request, response) => {
    replies++
    if (replies % 5 === 0) response.setHeader('connection', 'close')
    response.end('hello', () => {
      if (replies === 8) request.socket.destroy()
    })
  })
  const load = new Load(target, { keepAlive: 1 })
  await load.more(20)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(1)
  expect(tally.count('keepAlive', 'untold') + tally.count('keepAlive', 'reset')).toBe(1)
})

test('every failure is counted and named', async () => {
  let requests = 0
  const target = await serve((_, response) => {
    requests++
    response
      .setHeader('x-pid', 'server')
      .writeHead(requests > 10 ? 500 : 200)
      .end()
  })
  const load = new Load(target, { newConnection: 1, closedByClient: 1 })
  await load.more(30)
  const tally = await load.stop()
  expect(tally.failed).toBe(tally.requests - 10)
  expect(tally.pids).toEqual(new Map([['server', tally.requests]]))
  expect(`${tally}`).toMatch(/newConnection non2xx after \d+ ms: 500/)
})
