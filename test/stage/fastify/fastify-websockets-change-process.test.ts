// WebSocket routes of @fastify/websocket, the real one, in whole handoffs.

import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import {
  optInRoutes,
  type WebSocketHandoff,
} from '../../../packages/fastify-plugin/src/websockets.ts'
import { until } from '../../support/until.ts'
import { openPlace, type Place } from '../support/place.ts'
import { Client, staysAt } from '../support/websockets.ts'

interface Options {
  handoff?: boolean | WebSocketHandoff
  /** @fastify/websocket is registered before the handoff. */
  websocketFirst?: boolean
  prepare?: (app: FastifyInstance) => void
}

async function serve(place: Place, options: Options = {}) {
  const { handoff = true, websocketFirst = false, prepare } = options
  const generation = await place.start()
  const app = Fastify()
  onTestFinished(() => app.close())
  const closes: string[] = []
  if (websocketFirst) await app.register(websocket)
  optInRoutes(app, generation.handoff)
  if (!websocketFirst) await app.register(websocket)
  prepare?.(app)
  app.get('/plain', async () => 'hello')
  app.get<{ Params: { room: string } }>(
    '/rooms/:room',
    { websocket: true, handoff },
    (socket, request) => {
      const { room } = request.params
      if (!generation.handoff.isAdopted(request)) socket.send(`welcome to ${room}`)
      socket.on('close', () => closes.push(room))
      socket.on('message', (data) => socket.send(`${generation.system.pid} ${room} ${data}`))
    },
  )
  app.get('/stays', { websocket: true }, (socket) => {
    socket.on('message', (data) => socket.send(`${generation.system.pid} ${data}`))
  })
  generation.handoff.interceptListen((server) => server === app.server)
  await app.listen({ host: '127.0.0.1', port: 0 })
  generation.own(app.server)
  await generation.handoff.ready()
  const { port } = app.server.address() as AddressInfo
  return { generation, app, wss: app.websocketServer, port, closes }
}

test.each([true, false])(
  'a route that opted in hands its WebSockets over, whichever plugin was first (%s)',
  async (websocketFirst) => {
    const place = openPlace()
    const old = await serve(place, { websocketFirst })
    const client = await Client.connect(old.port, '/rooms/blue')
    await until('the welcome', () => client.heard[0])
    expect(await client.ask('a')).toBe(`${old.generation.system.pid} blue a`)
    const next = await serve(place, { websocketFirst })
    await until('it goes over', () => next.wss.clients.size === 1)
    expect(await client.ask('b')).toBe(`${next.generation.system.pid} blue b`)
    expect(client.heard[0]).toBe('welcome to blue')
    expect(client.heard).toHaveLength(3)
    expect(old.closes).toEqual([])
    // With nobody left, the application closes at once.
    await old.app.close()
    expect(client.closed).toBeUndefined()
  },
)

test('its hooks get the socket and the request of Fastify, after its handler', async () => {
  const place = openPlace()
  const seen: unknown[] = []
  const handoff: WebSocketHandoff = {
    atRest: (socket, { params }) => {
      seen.push(['atRest', socket.readyState, params])
      return true
    },
    export: (socket, { params }) => {
      seen.push(['export', socket.readyState, params])
      return { name: 'Zoë' }
    },
    import: (socket, { params }, state) => {
      seen.push(['import', socket.listenerCount('message'), params, state])
    },
  }
  const old = await serve(place, { handoff })
  await Client.connect(old.port, '/rooms/blue')
  await until('it is open', () => old.wss.clients.size === 1)
  await serve(place, { handoff })
  await until('it goes over', () => seen.length === 3)
  const params = { room: 'blue' }
  expect(seen).toEqual([
    ['atRest', 1, params],
    ['export', 1, params],
    ['import', 1, params, { name: 'Zoë' }],
  ])
})

test('a route that did not opt in keeps its WebSockets, until they are told 1012', async () => {
  const place = openPlace()
  const old = await serve(place)
  const client = await Client.connect(old.port, '/stays')
  await client.ask('a')
  await serve(place)
  expect(await staysAt(old)).toBe(1)
  expect(await client.ask('b')).toBe(`${old.generation.system.pid} b`)
  old.generation.system.advance(22_500)
  expect(await client.close()).toBe(1012)
})

test('a hook that takes its time at the replay: nothing is lost, and the state comes first', async () => {
  const place = openPlace()
  let letThrough = () => {}
  const names = new WeakMap<object, unknown>()
  const handoff: WebSocketHandoff = {
    export: () => 'Zoë',
    import: (socket, _, name) => {
      names.set(socket, name)
    },
  }
  const old = await serve(place, { handoff })
  const client = await Client.connect(old.port, '/rooms/blue')
  await until('the welcome', () => client.heard[0])
  const greeted: unknown[] = []
  await serve(place, {
    handoff,
    prepare: (app) => {
      app.addHook('preValidation', (_, __, done) => {
        letThrough = done
      })
      app.websocketServer.on('connection', (socket) => {
        socket.on('message', (data) => greeted.push(`${names.get(socket)}: ${data}`))
      })
    },
  })
  await until('the hook is asked', () => letThrough.name !== 'letThrough')
  client.socket.send('a')
  client.socket.send('b')
  await staysAt(old)
  letThrough()
  await until('both answers', () => client.heard.length === 3)
  expect(greeted).toEqual(['Zoë: a', 'Zoë: b'])
})

test.each<[string, (app: FastifyInstance) => void]>([
  [
    'refuses it',
    (app) => app.addHook('preValidation', async (_, reply) => reply.code(401).send('no')),
  ],
  [
    'fails',
    (app) =>
      app.addHook('onRequest', async () => {
        throw new Error('no')
      }),
  ],
])('a hook that %s at the replay: the client hears 1012, and no HTTP', async (_, prepare) => {
  const place = openPlace()
  const old = await serve(place)
  const client = await Client.connect(old.port, '/rooms/blue')
  await until('the welcome', () => client.heard[0])
  client.socket.send('a')
  await until('the answer', () => client.heard[1])
  await serve(place, { prepare })
  expect(await client.close()).toBe(1012)
  expect(client.heard).toHaveLength(2)
})

test('an injected WebSocket is served as ever', async () => {
  const place = openPlace()
  const { app, generation } = await serve(place)
  const socket = await app.injectWS('/stays')
  const answer = new Promise((resolve) => socket.on('message', (data) => resolve(String(data))))
  socket.send('a')
  expect(await answer).toBe(`${generation.system.pid} a`)
  socket.terminate()
})
