// Stage drain: what cannot change process, TLS and HTTP/2, is told to leave and loses nothing.

import { once } from 'node:events'
import type http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Http2Connection, type Http2Proxy, openHttp2Proxy } from '../../support/http2-proxy.ts'
import { until } from '../../support/until.ts'
import { openPlace } from '../support/place.ts'
import { tls } from '../support/tls.ts'

describe('an HTTPS server', () => {
  async function start(place = openPlace()) {
    const generation = await place.start({ tls: 'close' })
    const waiting: (() => void)[] = []
    const server = generation.own(
      https.createServer(tls, ({ url }, response) => {
        const answer = () => response.end(String(generation.system.pid))
        if (url === '/slow') waiting.push(answer)
        else answer()
      }),
    )
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    return { place, generation, waiting, port: (server.address() as AddressInfo).port }
  }

  /** Opens a connection and sends a request. */
  async function open(port: number, path: string) {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    await once(socket, 'secureConnect')
    let heard = ''
    socket.setEncoding('latin1').on('data', (data) => {
      heard += data
    })
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    return { socket, heard: () => heard, ended: once(socket, 'end') }
  }

  test('closes what is idle at a stop, and answers what is not', async () => {
    const { generation, port, waiting } = await start()
    const idle = await open(port, '/')
    const busy = await open(port, '/slow')
    await until('one is idle, the other waits', () => waiting.length > 0 && idle.heard() !== '')
    void generation.handoff.stop()
    await idle.ended
    expect(generation.system.exits).toEqual([])
    waiting[0]?.()
    await until('the other has its answer', () => /\r\n\r\n\d+$/.test(busy.heard()))
    busy.socket.end()
    expect(await generation.exit()).toBe(0)
    const { fates } = await generation.told('drained')
    expect(fates).toMatchObject({ closed: { tls: 1 }, drained: { tls: 1 } })
  })

  test('changes hands; its connections are told to leave if they must not move', async () => {
    const { place, generation: old, port } = await start()
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
    onTestFinished(() => agent.destroy())
    const request = async () => {
      const sent = https.get({ host: '127.0.0.1', port, agent })
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
      let body = ''
      for await (const piece of response) body += piece
      return { body, connection: response.headers.connection, reused: sent.reusedSocket }
    }
    expect(await request()).toMatchObject({
      body: String(old.system.pid),
      connection: 'keep-alive',
    })
    const { generation: next } = await start(place)
    expect(await request()).toEqual({
      body: String(old.system.pid),
      connection: 'close',
      reused: true,
    })
    expect(await request()).toMatchObject({ body: String(next.system.pid), reused: false })
    expect(await old.told('drained')).toMatchObject({ counts: { drained: 0, closed: 1 } })
  })
})

describe('an HTTP/2 server with allowHTTP1', () => {
  async function start(place = openPlace()) {
    const generation = await place.start()
    const server = generation.own(
      http2.createSecureServer({ ...tls, allowHTTP1: true }, (_, response) =>
        response.end(String(generation.system.pid)),
      ),
    )
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
    onTestFinished(() => agent.destroy())
    const request = async () => {
      const { port } = server.address() as AddressInfo
      const sent = https.get({ host: '127.0.0.1', port, agent })
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
      const { socket } = response
      let body = ''
      for await (const piece of response) body += piece
      return { body, connection: response.headers.connection, socket }
    }
    return { place, generation, request }
  }

  test('closes idle HTTP/1.1 connections at a stop', async () => {
    const { generation, request } = await start()
    const { socket } = await request()
    const closed = once(socket, 'close')
    void generation.handoff.stop()
    await closed
    expect(await generation.exit()).toBe(0)
    expect((await generation.told('drained')).fates).toMatchObject({ closed: { tls: 1 } })
  })

  test('gives notice to HTTP/1.1 connections', async () => {
    const { place, generation, request } = await start()
    expect(await request()).toMatchObject({ connection: 'keep-alive' })
    await place.newPeer().takeOver()
    await generation.reaches('drain')
    expect(await request()).toMatchObject({ connection: 'close' })
  })
})

describe('an HTTP/2 server', () => {
  async function serve(place = openPlace()) {
    const generation = await place.start()
    const server = generation.own(http2.createServer() as unknown as net.Server)
    server.on(
      'request',
      (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
        if (request.url === '/slow') waiting.push(() => response.end(String(generation.system.pid)))
        else response.end(String(generation.system.pid))
      },
    )
    const waiting: (() => void)[] = []
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    return { place, generation, waiting, port: (server.address() as AddressInfo).port }
  }

  function open(port: number) {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    onTestFinished(() => session.destroy())
    const goaways: unknown[] = []
    session.on('goaway', (code, last) => goaways.push({ code, last }))
    const request = (path = '/') => {
      const stream = session.request({ ':path': path })
      return new Promise<string>((resolve, reject) => {
        let body = ''
        stream.on('data', (piece) => {
          body += piece
        })
        stream.on('error', reject)
        stream.on('end', () => resolve(body))
      })
    }
    return { session, goaways, request }
  }

  function connectionOf({ connections }: Http2Proxy): Http2Connection {
    const [connection] = connections.values()
    if (connection === undefined) throw new Error('the proxy has no connection')
    return connection
  }

  test('ends its sessions with GOAWAY, and refuses no stream', async () => {
    const { place, generation: old, port, waiting } = await serve()
    const { session, goaways, request } = open(port)
    expect(await request()).toBe(String(old.system.pid))
    const slow = request('/slow')
    await until('the stream is open', () => waiting[0])
    const { generation: next } = await serve(place)
    // A client that does not know yet opens more streams on the session that it has.
    const burst = Array.from({ length: 20 }, () => request())
    expect(new Set(await Promise.all(burst))).toEqual(new Set([String(old.system.pid)]))
    waiting[0]?.()
    expect(await slow).toBe(String(old.system.pid))
    await until('the session is over', () => session.closed)
    expect(goaways.length).toBeGreaterThan(0)
    expect(goaways.every((frame) => (frame as { code: number }).code === 0)).toBe(true)
    expect(await open(port).request()).toBe(String(next.system.pid))
    expect(await old.told('drained')).toMatchObject({ counts: { drained: 0, closed: 1 } })
  })

  test('answers what a client sends before it knows of the end', async () => {
    const { place, generation: old, port, waiting } = await serve()
    const proxy = await openHttp2Proxy(port)
    const { session, request } = open(proxy.port)
    await request()
    const connection = connectionOf(proxy)
    const { goaways } = connection
    const release = proxy.holdAtGoaway()
    await serve(place)
    await old.reaches('drain')
    const first = request()
    await until('the server has said GOAWAY', () => goaways.length > 0)
    const second = request('/slow')
    await until('the server has the request', () => waiting[0])
    release()
    expect(await first).toBe(String(old.system.pid))
    await until('the server has named its last stream', () => goaways.length > 1)
    waiting[0]?.()
    expect(await second).toBe(String(old.system.pid))
    await until('the session is over', () => session.destroyed)
    expect(connection.unprocessed).toEqual([])
    expect(await old.told('drained')).toMatchObject({ counts: { drained: 0, closed: 1 } })
  })

  test('answers at a stop what was sent on a session at rest', async () => {
    const { generation, port, waiting } = await serve()
    const proxy = await openHttp2Proxy(port)
    const { session, request } = open(proxy.port)
    await request()
    const { goaways } = connectionOf(proxy)
    const release = proxy.holdAtGoaway()
    void generation.handoff.stop()
    await until('the server has said GOAWAY', () => goaways.length > 0)
    const late = request('/slow')
    await until('the server has the request', () => waiting[0])
    release()
    waiting[0]?.()
    expect(await late).toBe(String(generation.system.pid))
    await until('the session is over', () => session.destroyed)
    expect(await generation.exit()).toBe(0)
  })

  test('goes on with its sessions after a take-back', async () => {
    const { place, generation: old, port } = await serve()
    const { session, goaways, request } = open(port)
    await request()
    const peer = place.newPeer()
    await peer.takeOver()
    peer.die()
    await old.told('taken-back')
    for (let count = 0; count < 3; count++) expect(await request()).toBe(String(old.system.pid))
    expect(goaways).toEqual([])
    expect(session.closed).toBe(false)
  })

  test('that destroys a session in its `session` event serves on', async () => {
    const generation = await openPlace().start()
    const server = generation.own(http2.createServer() as unknown as net.Server)
    const sessions: http2.Http2Session[] = []
    server.on('session', (session: http2.Http2Session) => {
      if (sessions.push(session) === 1) session.destroy()
    })
    server.on('stream', (stream: http2.ServerHttp2Stream) => {
      stream.respond()
      stream.end('whole')
    })
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    const { port } = server.address() as AddressInfo
    const refused = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {})
    await once(refused, 'close')
    await until('it is forgotten', () => generation.handoff.metrics().connections === 0)
    expect(await open(port).request()).toBe('whole')
    await until('it is counted', () => generation.handoff.metrics().connections === 1)
  })

  test('that answers streams itself, with trailers, answers each once through a handoff', async () => {
    const place = openPlace()
    const waiting: (() => void)[] = []
    const start = async () => {
      const generation = await place.start()
      const server = generation.own(http2.createServer() as unknown as net.Server)
      server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
        const answer = () => {
          stream.respond({ ':status': 200 }, { waitForTrailers: true })
          stream.once('wantTrailers', () => stream.sendTrailers({ status: 'ok' }))
          stream.end(String(generation.system.pid))
        }
        if (headers[':path'] === '/slow') waiting.push(answer)
        else answer()
      })
      await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
      await generation.handoff.ready()
      return { generation, server, port: (server.address() as AddressInfo).port }
    }
    const { generation: old, server, port } = await start()
    const { session } = open(port)
    const trailers = (path: string) => {
      const stream = session.request({ ':path': path })
      const told = once(stream, 'trailers').then(([{ status }]) => status)
      stream.resume()
      return told
    }
    const slow = [trailers('/slow'), trailers('/slow')]
    await until('both are open', () => waiting.length === 2)
    const listeners = server.eventNames()
    const { generation: next } = await start()
    await old.reaches('drain')
    expect(server.eventNames()).toEqual(listeners)
    const late = [trailers('/'), trailers('/')]
    for (const answer of waiting) answer()
    expect(await Promise.all([...slow, ...late])).toEqual(['ok', 'ok', 'ok', 'ok'])
    await until('the session is over', () => session.closed)
    expect(await open(port).request()).toBe(String(next.system.pid))
  })
})
