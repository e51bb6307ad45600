// What a program finds when it looks at its own servers and sockets: what it finds without a handoff.

import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import tlsModule from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../../support/until.ts'
import { openPlace } from '../support/place.ts'
import { tls } from '../support/tls.ts'

/** Each makes a server, and a client that has been served by it. */
const kinds: Record<string, { make(): Server; visit(port: number): Promise<() => void> }> = {
  net: {
    make: () => net.createServer((socket) => socket.pipe(socket)),
    visit: async (port) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.write('hello')
      await once(socket, 'data')
      return () => socket.destroy()
    },
  },
  http: { make: () => http.createServer((_, response) => response.end()), visit: kept(http) },
  https: {
    make: () => https.createServer(tls, (_, response) => response.end()),
    visit: kept(https),
  },
  upgrade: {
    make: () =>
      http.createServer().on('upgrade', (_, socket) => {
        socket.resume().on('end', () => socket.end())
        socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n')
      }),
    visit: upgraded(
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    ),
  },
  connect: {
    make: () =>
      http.createServer().on('connect', (_, socket) => {
        socket.resume().on('end', () => socket.end())
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
      }),
    visit: upgraded('CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n'),
  },
  http2: {
    make: () =>
      http2.createServer().on('stream', (stream) => stream.respond({}, { endStream: true })),
    visit: session('http'),
  },
  'http2 over TLS': {
    make: () =>
      http2
        .createSecureServer({ ...tls, allowHTTP1: true })
        .on('stream', (stream) => stream.respond({}, { endStream: true })),
    visit: session('https'),
  },
  tls: {
    make: () => tlsModule.createServer(tls, (socket) => socket.pipe(socket)),
    visit: async (port) => {
      const socket = tlsModule.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      socket.write('hello')
      await once(socket, 'data')
      return () => socket.destroy()
    },
  },
}

function kept(module: typeof http | typeof https) {
  return async (port: number) => {
    const agent = new module.Agent({ keepAlive: true })
    const request = module.get({
      port,
      host: '127.0.0.1',
      agent,
      rejectUnauthorized: false,
    } as object)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    await once(response, 'end')
    return () => agent.destroy()
  }
}

function upgraded(head: string) {
  return async (port: number) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.write(head)
    await once(socket, 'data')
    return () => socket.destroy()
  }
}

function session(scheme: string) {
  return async (port: number) => {
    const client = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
    const stream = client.request()
    await once(stream, 'response')
    stream.resume()
    await once(stream, 'close')
    return () => client.destroy()
  }
}

/** What can be seen of an emitter, by names; functions are named only, for there are two of each. */
function look(emitter: NodeJS.EventEmitter) {
  return {
    events: emitter.eventNames().map((name) => [name, emitter.listenerCount(name)]),
    listeners: emitter.eventNames().map((name) => emitter.rawListeners(name).map(nameOf)),
    keys: Object.keys(emitter),
    own: Reflect.ownKeys(emitter)
      .map(String)
      .sort()
      .filter((name) => !/^(write|end)$/.test(name)),
    methods: ['emit', 'on', 'off', 'close', 'listen', 'address', 'write', 'destroy', 'setNoDelay']
      .filter((name) => name in emitter)
      .map((name) => {
        const method = (emitter as unknown as Record<string, () => unknown>)[name]
        return [name, method?.name, method?.length]
      }),
    inspected: inspect(emitter, { depth: 1 }).replace(/\d+/g, '0'),
  }
}

function nameOf(listener: unknown): string {
  return (listener as { name: string }).name
}

/** Serves one client, and looks while and after it is there. */
async function seen(kind: string, listen: (server: Server) => Promise<void>) {
  const { make, visit } = kinds[kind] as (typeof kinds)[string]
  const server = make()
  const events: string[] = []
  const note = (event: string) => (name: string | symbol) =>
    void events.push(`${event} ${String(name)}`)
  server.on('newListener', note('newListener'))
  server.on('removeListener', note('removeListener'))
  const sockets: Socket[] = []
  const sessions: http2.Http2Session[] = []
  const counts: unknown[] = []
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('newListener', note('socket newListener'))
    counts.push(look(server).events)
  })
  server.on('session', (one: http2.Http2Session) => sessions.push(one))
  server.once('listening', () => counts.push(look(server).events))
  await listen(server)
  const leave = await visit((server.address() as AddressInfo).port)
  const during = { server: look(server), sockets: sockets.map(look), sessions: sessions.map(look) }
  leave()
  const open = () => new Promise<number>((done) => server.getConnections((_, count) => done(count)))
  await until('the client has left', async () => (await open()) === 0)
  const after = look(server)
  await new Promise((closed) => server.close(closed))
  return { during, after, counts, events, closed: look(server) }
}

describe.each(Object.keys(kinds))('a server of %s', (kind) => {
  test('looks as it does without a handoff', async () => {
    const plain = await seen(kind, async (server) => {
      server.listen(0, '127.0.0.1')
      await new Promise(setImmediate)
    })
    const generation = await openPlace().start()
    const ours = await seen(kind, async (server) => {
      onTestFinished(() => void server.close())
      await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
      await generation.handoff.ready()
    })
    expect(ours).toEqual(plain)
  })
})
