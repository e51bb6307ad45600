// A warm-up of any server: real connections of the process itself, while the old process serves.

import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type Server } from 'node:net'
import { expect, test } from 'vitest'
import { listeningPorts } from '../../../packages/handoff/src/io/listeners/listening-ports.ts'
import type { Warmup } from '../../../packages/handoff/src/terms/warmup.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { ask, whereIs } from '../support/clients.ts'
import { begin, listener } from '../support/offers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { tls } from '../support/tls.ts'

/** Warnings of a process. */
const warnings = (generation: Generation) => generation.all('warning').map(({ message }) => message)

/** An old process that serves, and a new one that has got its listeners. */
async function twoProcesses(path?: string) {
  const place = openPlace()
  const where = path === undefined ? { host: '127.0.0.1', port: 0 } : { path: place.path(path) }
  const { generation: old, server } = await place.serve({}, where)
  const next = await place.start()
  return { place, old, next, where, oldWhere: whereIs(server) }
}

/** Counts the connections of a server by its own events. */
function countConnections(server: Server): { count: number } {
  const connections = { count: 0 }
  server.on('connection', () => connections.count++)
  return connections
}

/** The kinds of servers, and what a handler sees of the protocol. */
const servers: [string, (place: Place, handler: http.RequestListener) => Server, string][] = [
  ['http', (_, handler) => http.createServer(handler), '1.1'],
  ['https', (_, handler) => https.createServer(tls, handler), '1.1'],
  ['http2', (_, handler) => http2.createServer(handler as never), '2.0'],
  [
    'http2 with TLS',
    (_, handler) => http2.createSecureServer({ ...tls, allowHTTP1: true }, handler as never),
    '2.0',
  ],
]

test.each(servers)(
  '%s: each request over a connection that does not count',
  async (_, create, version) => {
    const { place, old, next, where, oldWhere } = await twoProcesses()
    const seen: string[] = []
    const counted = new Set<number>()
    const server = next.own(
      create(place, ({ method, url, headers, httpVersion, socket }, response) => {
        const { remoteAddress } = socket
        seen.push([method, url, headers['handoff-warmup'], httpVersion, remoteAddress].join(' '))
        server.getConnections((_, count) => counted.add(count))
        expect(next.handoff.metrics()).toMatchObject({ connections: 0, stage: 'adopt' })
        expect(old.handoff.metrics().stage).toBe('send')
        response.end('warm')
      }),
    )
    server.maxConnections = 1
    const connections = countConnections(server)
    await next.handoff.listen(server, where)
    const requests = ['/', { method: 'POST', url: '/form?a=1', body: 'text' }]
    await next.handoff.warmUp(server, { requests, count: 19 })

    const facts = `1 ${version} 127.0.0.1`
    const gets = Array.from({ length: 10 }, () => `GET / ${facts}`)
    const posts = Array.from({ length: 9 }, () => `POST /form?a=1 ${facts}`)
    expect(seen.sort()).toEqual([...gets, ...posts])
    // One for each request the first time, then one for eight.
    expect(connections.count).toBe(2 + 3)
    expect(counted).toEqual(new Set([0]))
    expect(warnings(next)).toEqual([])
    expect(await ask(oldWhere)).toBe(String(old.system.pid))
    await next.handoff.ready()
    expect(next.handoff.metrics().fates.handedOver.http).toBe(0)
  },
)

test('a request has its headers and its body', async () => {
  const { next } = await twoProcesses()
  const bodies: string[] = []
  const server = next.http(async (request, response) => {
    bodies.push(`${request.headers.host} ${request.headers.accept} ${await textOf(request)}`)
    response.end()
  })
  // It need not listen.
  await next.handoff.warmUp(server, {
    requests: [
      {
        url: '/',
        method: 'PUT',
        headers: { Host: 'shop:80', Accept: 'a' },
        body: Buffer.from('é'),
      },
    ],
    count: 2,
  })
  expect(bodies).toEqual(['shop:80 a é', 'shop:80 a é'])
})

test('a server on a Unix path: connections without an address', async () => {
  const { place, next, where } = await twoProcesses('server')
  const addresses = new Set<string | undefined>()
  let count = 0
  const server = next.http(({ socket }, response) => {
    count += 1
    addresses.add(socket.remoteAddress)
    response.end()
  })
  await next.handoff.listen(server, where)
  const { files } = place
  await next.handoff.warmUp(server, { requests: ['/'], count: 20 })
  expect([count, ...addresses]).toEqual([20, undefined])
  expect(place.files).toEqual(files)
})

test('none without an old process: its clients wait', async () => {
  const place = openPlace()
  const alone = await place.start()
  let count = 0
  const server = alone.http((_, response) => {
    count += 1
    response.end()
  })
  await alone.handoff.warmUp(server, { requests: ['/'] })
  expect(count).toBe(0)
})

test('a request that fails is reported once, and not repeated', async () => {
  const { next } = await twoProcesses()
  const seen: string[] = []
  const server = next.http(({ url = '' }, response) => {
    seen.push(url)
    if (url === '/cut') return response.socket?.destroy()
    response.statusCode = url === '/broken' ? 503 : 404
    if (url === '/hint') response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    response.end()
  })
  await next.handoff.warmUp(server, { requests: ['/broken', '/cut', '/hint'], count: 6 })
  expect(seen).toEqual(['/broken', '/cut', '/hint', '/hint', '/hint', '/hint'])
  expect(warnings(next)).toEqual([
    'warm-up request GET /broken failed: status 503',
    'warm-up request GET /cut failed: the server closed the connection',
  ])
})

test('all of them fail: the others are not sent', async () => {
  const { next } = await twoProcesses()
  let count = 0
  const server = next.http((_, response) => {
    count += 1
    response.writeHead(500).end()
  })
  await next.handoff.warmUp(server, { requests: ['/'], count: 100 })
  expect(count).toBe(1)
})

test.each([
  ['before the first answer', 0],
  ['between two', 3],
])('it ends at its deadline: %s', async (_, answers) => {
  const { next, where } = await twoProcesses()
  let count = 0
  const server = next.http((_, response) => {
    count += 1
    if (count <= answers) response.end()
  })
  await next.handoff.listen(server, where)
  const warmedUp = next.handoff.warmUp(server, { requests: ['/'], count: 40 })
  await until('a request waits', () => count > answers)
  next.system.advance(5_000)
  await warmedUp
  expect(warnings(next)).toEqual([
    expect.stringMatching(/^the warm-up ended after 5 s, with \d+ of 40 requests$/),
  ])
  expect(next.system.pendingTimers).toBe(2) // Of the start, as without a warm-up.
  await next.handoff.ready()
})

test('half of a short ready timeout is its deadline', async () => {
  const place = openPlace()
  await place.serve()
  const next = await place.start({ readyTimeoutMs: 2_000 })
  let waiting = false
  const server = next.http(() => {
    waiting = true
  })
  const warmedUp = next.handoff.warmUp(server, { requests: ['/'] })
  await until('a request waits', () => waiting)
  next.system.advance(1_000)
  await warmedUp
  expect(warnings(next)).toEqual(['the warm-up ended after 1 s, with 1 of 2000 requests'])
})

test('it ends with the old process: clients wait then', async () => {
  const { old, next, started } = begin()
  const peer = await old.send([listener(), old.rendezvous])
  await started
  let count = 0
  const server = next.http((_, response) => {
    count += 1
    if (count === 5) peer.die()
    response.end()
  })
  await next.handoff.warmUp(server, { requests: ['/'], count: 100_000 })
  expect(count).toBeLessThan(1_000)
  expect(warnings(next)).toEqual([])
})

test.runIf(hasProc)('a connection of another program never reaches the server', async () => {
  const { next } = await twoProcesses()
  const before = new Set(listeningPorts(process.pid))
  let stranger: net.Socket | undefined
  const ended = { stranger: false }
  const server = next.http((_, response) => {
    if (stranger !== undefined) return void response.end()
    const [port = 0] = listeningPorts(process.pid).filter((known) => !before.has(known))
    stranger = net.connect(port, '127.0.0.1', () => response.end())
    stranger
      .on('error', () => {})
      .on('close', () => {
        ended.stranger = true
      })
    stranger.write('GET /stranger HTTP/1.1\r\nHost: a\r\n\r\n')
  })
  const urls = new Set<string | undefined>()
  server.on('request', ({ url }) => urls.add(url))
  await next.handoff.warmUp(server, { requests: ['/'], count: 100 })
  expect(urls).toEqual(new Set(['/']))
  await until('the connection is closed', () => ended.stranger)
})

test('its descriptors run out: a warning', async () => {
  const { next, where } = await twoProcesses()
  const server = next.http()
  await next.handoff.listen(server, where)
  const { createServer } = net
  net.createServer = () => {
    throw Object.assign(new Error('listen EMFILE'), { code: 'EMFILE' })
  }
  try {
    await next.handoff.warmUp(server, { requests: ['/'] })
  } finally {
    net.createServer = createServer
  }
  expect(warnings(next)).toEqual(['cannot warm up: listen EMFILE'])
  await next.handoff.ready()
})

test('a server that speaks no HTTP is refused', async () => {
  const { next } = await twoProcesses()
  const server = next.own(net.createServer())
  const warmup: Warmup = { requests: ['/'] }
  await expect(next.handoff.warmUp(server, warmup)).rejects.toMatchObject({
    code: 'ERR_HANDOFF_INVALID_OPTION',
    message: expect.stringContaining('cannot warm up: the server speaks no HTTP. Give a server of'),
  })
})

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += piece
  return text
}
