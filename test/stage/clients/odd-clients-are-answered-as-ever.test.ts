// A handoff that comes at the oddest moment of a request: which connections go over, which stay first.

import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type net from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { connect, type Where, whereIs } from '../support/clients.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { turns } from '../support/scripted-server.ts'

/** A server whose requests for /wait are answered when the test says so. */
class OddServer {
  readonly server = http.createServer((request, response) => this.#answer(request, response))
  readonly sockets: net.Socket[] = []
  readonly executed: string[] = []
  readonly tunnels: net.Socket[] = []
  #go = () => {}
  readonly #gone = new Promise<void>((resolve) => {
    this.#go = resolve
  })

  constructor() {
    // Node's default is to cut the answers of a client that has closed its side.
    Object.assign(this.server, { httpAllowHalfOpen: true })
    this.server.on('connection', (socket) => this.sockets.push(socket))
    this.server.on('checkContinue', async (request, response) => {
      await this.#wait(request)
      response.writeContinue()
      this.#answer(request, response)
    })
    for (const event of ['upgrade', 'connect']) {
      this.server.on(event, async (request: IncomingMessage, socket: net.Socket) => {
        this.tunnels.push(socket)
        await this.#wait(request)
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n')
        socket.pipe(socket)
      })
    }
  }

  /** Answers what waits. */
  go(): void {
    this.#go()
  }

  async #wait({ url }: IncomingMessage): Promise<void> {
    if (url === '/wait') await this.#gone
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.executed.push(`${request.method} ${request.url}`)
    response.sendDate = false
    let body = ''
    if (request.url !== '/early') for await (const piece of request) body += piece
    await this.#wait(request)
    const answer = `${body} ${JSON.stringify(request.trailers)} [end]`
    response.setHeader('Content-Length', answer.length).end(answer)
  }
}

interface Odd {
  before: string
  /** What it has heard before the handoff. */
  heard?: RegExp
  /** It closes its side before the handoff. */
  ends?: boolean
  /** Whether its connection goes over at once. */
  moves: boolean
  after?: string
}

const get = (path = '/', version = '1.1', ...headers: string[]) =>
  [`GET ${path} HTTP/${version}`, 'Host: test', ...headers, '', ''].join('\r\n')
const post = (path: string, ...headers: string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: test', ...headers, '', ''].join('\r\n')
const chunked = post('/', 'Transfer-Encoding: chunked')
const expecting = ['Content-Length: 5', 'Expect: 100-continue']
const one = /\[end\]/

const clients: Record<string, Odd> = {
  'half a request line': { before: 'GET / HT', moves: false, after: get().slice(8) },
  'half a header': { before: get().slice(0, 20), moves: false, after: get().slice(20) },
  'half a body': {
    before: `${post('/', 'Content-Length: 5')}he`,
    moves: false,
    after: 'llo',
  },
  'half a chunk': { before: `${chunked}5\r\nhe`, moves: false, after: 'llo\r\n0\r\n\r\n' },
  'half a trailer': {
    before: `${chunked}5\r\nhello\r\n0\r\nX-Tra`,
    moves: false,
    after: 'iler: yes\r\n\r\n',
  },
  'a body that goes on after its answer': {
    before: `${post('/early', 'Content-Length: 5')}he`,
    heard: one,
    moves: false,
    after: 'llo',
  },
  'an expectation before its 100 Continue': {
    before: post('/wait', ...expecting),
    moves: false,
    after: 'hello',
  },
  'an expectation after its 100 Continue': {
    before: post('/', ...expecting),
    heard: /100 Continue/,
    moves: false,
    after: 'hello',
  },
  'an answered HTTP/1.0 request of a client that keeps its connection': {
    before: get('/', '1.0', 'Connection: keep-alive'),
    heard: one,
    moves: true,
    after: get('/', '1.0', 'Connection: keep-alive'),
  },
  'an HTTP/1.0 request without its answer': { before: get('/wait', '1.0'), moves: false },
  'pipelined requests of which one is answered': {
    before: get() + get('/wait') + get(),
    heard: one,
    moves: false,
  },
  'an empty line after an answered request': {
    before: `${post('/', 'Content-Length: 5')}hello\r\n`,
    heard: one,
    moves: true,
  },
  'an empty line, and then a request': { before: get(), heard: one, moves: true, after: '\r\n' },
  'a request and the end of its client': { before: get('/wait'), ends: true, moves: false },
}

/** Everything that the client hears, to the end. */
async function converse(odd: Odd, where: Where, server: OddServer, handoff: () => Promise<void>) {
  const { before, heard = /(?:)/, ends = false, after = '' } = odd
  const socket = await connect(where)
  let text = ''
  socket.setEncoding('latin1').on('data', (data) => {
    text += data
  })
  socket.write(before)
  await until('it is read', () => server.sockets[0]?.bytesRead === before.length)
  await until('it is answered so far', () => heard.test(text))
  if (ends) {
    socket.end()
    await until('its end is read', () => server.sockets[0]?.readableEnded)
  }
  await handoff()
  server.go()
  // What ends here has nothing more to say.
  if (!ends) socket.write(after + get('/last', '1.1', 'Connection: close'))
  await until('the server closes', () => socket.readableEnded || socket.destroyed)
  socket.destroy()
  return text
}

async function serve(place: Place): Promise<{ odd: OddServer; generation: Generation }> {
  const generation = await place.start()
  const odd = new OddServer()
  await generation.handoff.listen(generation.own(odd.server), { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { odd, generation }
}

test.each(Object.entries(clients))('%s', async (_, client) => {
  const alone = new OddServer()
  await once(alone.server.listen(0, '127.0.0.1'), 'listening')
  const expected = await converse(client, whereIs(alone.server), alone, async () => {})
  await once(alone.server.close(), 'close')

  const place = openPlace()
  const { odd, generation: old } = await serve(place)
  let next: Awaited<ReturnType<typeof serve>> | undefined
  const heard = await converse(client, whereIs(odd.server), odd, async () => {
    next = await serve(place)
    await turns(20)
    expect(next.generation.handoff.metrics().connections).toBe(client.moves ? 1 : 0)
    expect(old.handoff.metrics().connections).toBe(client.moves ? 0 : 1)
  })
  expect(heard).toBe(expected)
  expect([...odd.executed, ...(next?.odd.executed ?? [])]).toEqual(alone.executed)
})

test('a body that ends after its answer lets the connection go over, although nobody answers then', async () => {
  const place = openPlace()
  const { odd } = await serve(place)
  const socket = await connect(whereIs(odd.server))
  socket.write(`${post('/early', 'Content-Length: 5')}he`)
  await once(socket, 'data')
  const next = await serve(place)
  await turns(20)
  expect(next.generation.handoff.metrics().connections).toBe(0)
  socket.write('llo')
  await until('it goes over', () => next.generation.handoff.metrics().connections === 1)
  socket.write(get())
  await once(socket, 'data')
  expect(next.odd.executed).toEqual(['GET /'])
  socket.destroy()
})

test.each([
  ['an upgrade that is not answered yet', get('/wait', '1.1', 'Connection: Upgrade', 'Upgrade: x')],
  ['a tunnel that is not answered yet', 'CONNECT /wait HTTP/1.1\r\nHost: test\r\n\r\n'],
  ['an open tunnel', 'CONNECT / HTTP/1.1\r\nHost: test\r\n\r\n'],
])('%s stays to its end', async (_, request) => {
  const place = openPlace()
  const { odd, generation: old } = await serve(place)
  const socket = await connect(whereIs(odd.server))
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  socket.write(request)
  await until('it is heard', () => odd.tunnels[0])
  await serve(place)
  await turns(20)
  odd.go()
  await until('it is answered', () => text.endsWith('\r\n\r\n'))
  socket.write('through')
  await until('it goes through', () => text.endsWith('through'))
  expect(old.handoff.metrics().connections).toBe(1)
  socket.end()
  expect(await old.told('drained')).toMatchObject({ counts: { drained: 1, handedOver: 0 } })
})

test('an answer that its client does not read stays, arrives whole, and then the connection goes over', async () => {
  const place = openPlace()
  const body = 'x'.repeat(16 << 20)
  const old = await place.start()
  const server = old.http((_, response) => response.end(body))
  await old.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await old.handoff.ready()
  const socket = await connect(whereIs(server))
  socket.write(get())
  await until('it is accepted', () => old.handoff.metrics().connections === 1)
  socket.pause()
  const next = await serve(place)
  await turns(20)
  expect(old.handoff.metrics().connections).toBe(1)
  let bytes = 0
  socket.on('data', (data) => {
    bytes += data.length
  })
  socket.resume()
  await until('all of it arrives', () => bytes > body.length)
  await until('it goes over', () => next.generation.handoff.metrics().connections === 1)
  socket.write(get())
  await once(socket, 'data')
  expect(next.odd.executed).toEqual(['GET /'])
  socket.destroy()
})
