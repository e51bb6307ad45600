// Open WebSockets go over, each between two messages, and the client keeps its connection.

import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { openPlace } from '../support/place.ts'
import {
  Client,
  FrameClient,
  frame,
  type ServeOptions,
  serveWebSockets,
  staysAt,
} from '../support/websockets.ts'

test('a WebSocket at rest goes over, with its state, and its old server hears no close', async () => {
  const place = openPlace()
  const closes: number[] = []
  const counts = new WeakMap<object, number>()
  const options: ServeOptions = {
    hooks: {
      export: (socket: object) => ({ count: counts.get(socket) }),
      import: (socket: object, _: unknown, state: unknown) => {
        counts.set(socket, (state as { count: number }).count)
      },
    },
    onConnection: (socket, request, { system, handoff }) => {
      counts.set(socket, 0)
      if (!handoff.isAdopted(request)) socket.send('welcome')
      socket.on('close', () => closes.push(system.pid))
      socket.on('message', () => {
        const count = (counts.get(socket) ?? 0) + 1
        counts.set(socket, count)
        socket.send(`${system.pid} ${count} ${request.url} ${request.headers['x-name']}`)
      })
    },
  }
  const { generation: old, port, wss, server } = await serveWebSockets(place, options)
  const client = await Client.connect(port, '/chat?room=1', { headers: { 'x-name': 'Zoë' } })
  await until('the welcome', () => client.heard[0])
  expect(await client.ask('a')).toBe(`${old.system.pid} 1 /chat?room=1 Zoë`)

  const { generation: next, wss: nextWss } = await serveWebSockets(place, options)
  await until('it goes over', () => nextWss.clients.size === 1)
  expect(await client.ask('b')).toBe(`${next.system.pid} 2 /chat?room=1 Zoë`)
  expect(client.heard).toHaveLength(3)
  expect(closes).toEqual([])
  // The old server has forgotten its client: it can close.
  expect(wss.clients.size).toBe(0)
  await old.told('drained')
  expect(old.all('drained')[0]?.counts).toEqual({ drained: 0, handedOver: 1, closed: 0, forced: 0 })

  // And a third time, with what was said while nobody held the socket.
  const third = serveWebSockets(place, options)
  const answers = [client.ask('c')]
  expect((await Promise.all(answers))[0]).toMatch(/^\d+ 3 /)
  const { generation: last } = await third
  await until('it has gone over again', () => nextWss.clients.size === 0)
  expect(await client.ask('d')).toBe(`${last.system.pid} 4 /chat?room=1 Zoë`)
  client.socket.close(1000)
  expect(await client.close()).toBe(1000)
  expect(closes).toEqual([last.system.pid])
  // To its program the first server listens until it closes it.
  expect(server.listening).toBe(true)
})

test('a client that sends without a pause: each number is echoed once, in order, over one connection', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await Client.connect(old.port)
  let sent = 0
  let sending = true
  const send = () => {
    for (let count = 0; count < 5; count++) client.socket.send(`#${++sent}`)
    if (sending) setImmediate(send)
  }
  send()
  await until('the load is on', () => client.heard.length > 100)
  const { generation: next } = await serveWebSockets(place)
  await old.generation.told('drained')
  const before = client.heard.length
  await until('it goes on', () => client.heard.length > before + 100)
  sending = false
  await until('the last answer', () => client.heard.length === sent)
  expect(client.heard.map((line) => line.split(' ')[1])).toEqual(
    Array.from({ length: sent }, (_, index) => `#${index + 1}`),
  )
  expect(client.heard.at(-1)).toContain(String(next.system.pid))
  expect(client.closed).toBeUndefined()
})

test('a message that is still being handled keeps its connection here', async () => {
  const place = openPlace()
  let answer = () => {}
  const old = await serveWebSockets(place, {
    onConnection: (socket) => {
      socket.on('message', async () => {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        socket.send('at last')
      })
    },
  })
  const client = await Client.connect(old.port)
  client.socket.send('question')
  await until('it is heard', () => answer.name !== 'answer')
  const { wss } = await serveWebSockets(place)
  expect(await staysAt(old)).toBe(1)
  answer()
  await until('it goes over', () => wss.clients.size === 1)
  expect(client.heard).toEqual(['at last'])
})

test('an application that is not done keeps its connection, until it says so', async () => {
  const place = openPlace()
  let done = false
  const old = await serveWebSockets(place, { hooks: { atRest: () => done } })
  const client = await Client.connect(old.port)
  await client.ask('a')
  const { wss } = await serveWebSockets(place)
  expect(await staysAt(old)).toBe(1)
  done = true
  old.generation.handoff.recheck()
  await until('it goes over', () => wss.clients.size === 1)
})

test.each<[string, Buffer, Buffer, string]>([
  ['half a header', Buffer.from([0x81]), frame(1, 'whole').subarray(1), 'whole'],
  ['half a payload', frame(1, 'whole').subarray(0, 8), frame(1, 'whole').subarray(8), 'whole'],
  [
    'a fragment, and a ping after it',
    Buffer.concat([frame(1, 'who', { fin: false }), frame(9, 'ping')]),
    frame(0, 'le'),
    'whole',
  ],
])('%s stays, and goes over when the message is whole', async (_, first, second, answer) => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await FrameClient.connect(old.port)
  // Pinged before, so that what follows has been read when this is answered.
  client.send(Buffer.concat([first]))
  if (first.includes('ping')) await client.hears('ping')
  await until('it is read', () => [...old.wss.clients][0] !== undefined)
  await staysAt(old)
  const { wss } = await serveWebSockets(place)
  expect(await staysAt(old)).toBe(1)
  client.send(second)
  await client.hears(`${old.generation.system.pid} ${answer}`)
  await until('it goes over', () => wss.clients.size === 1)
})

test('what is sent while nobody holds the socket is answered by the new process, pings too', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await FrameClient.connect(old.port)
  const starting = serveWebSockets(place)
  await old.generation.told('drained')
  client.send(Buffer.concat([frame(9, 'ping'), frame(1, 'one'), frame(2, Buffer.from('two'))]))
  const { generation: next } = await starting
  await client.hears(`${next.system.pid} two`)
  expect(String(client.received)).toMatch(/ping.*one.*two/s)
  expect(client.received.indexOf(Buffer.from([0x8a, 4]))).toBe(0)
})

test('a reply that the client has not read yet keeps its connection, and arrives whole', async () => {
  const place = openPlace()
  const large = Buffer.alloc(16 << 20, 'x')
  const old = await serveWebSockets(place, {
    onConnection: (socket) => socket.on('message', () => socket.send(large)),
  })
  const client = await Client.connect(old.port)
  const got = new Promise<number>((resolve) => {
    client.socket.on('message', (data) => resolve((data as Buffer).length))
  })
  client.socket.send('give')
  client.socket.pause()
  await until('it is written', () => [...old.wss.clients][0]?.bufferedAmount)
  const { wss } = await serveWebSockets(place)
  expect(await staysAt(old)).toBe(1)
  client.socket.resume()
  expect(await got).toBe(large.length)
  await until('it goes over', () => wss.clients.size === 1)
})

test('a close handshake under way ends where it began', async () => {
  const place = openPlace()
  const old = await serveWebSockets(place)
  const client = await FrameClient.connect(old.port)
  await until('it is open', () => old.wss.clients.size === 1)
  for (const socket of old.wss.clients) socket.close(4000, 'bye')
  await client.hears('bye')
  const { wss } = await serveWebSockets(place)
  expect(await staysAt(old)).toBe(1)
  client.send(frame(8, Buffer.from([0x0f, 0xa0])))
  await until('it ends', () => client.ended)
  expect(wss.clients.size).toBe(0)
})

test('compressed messages go over where each is compressed by itself', async () => {
  const place = openPlace()
  const perMessageDeflate = {
    threshold: 0,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
  }
  const options: ServeOptions = { server: { noServer: true, perMessageDeflate } }
  const old = await serveWebSockets(place, options)
  const client = await Client.connect(old.port, '/', { perMessageDeflate })
  expect(client.socket.extensions).toContain('permessage-deflate')
  const text = 'x'.repeat(5_000)
  expect(await client.ask(text)).toBe(`${old.generation.system.pid} ${text}`)
  const { generation: next } = await serveWebSockets(place, options)
  await old.generation.told('drained')
  expect(await client.ask(text)).toBe(`${next.system.pid} ${text}`)
})

test('a process without a word from the client hands the connection on', async () => {
  const place = openPlace()
  const { port } = await serveWebSockets(place)
  const client = await Client.connect(port)
  const second = await serveWebSockets(place)
  await until('it goes over', () => second.wss.clients.size === 1)
  const third = await serveWebSockets(place)
  await until('it goes on', () => third.wss.clients.size === 1)
  expect(await client.ask('a')).toBe(`${third.generation.system.pid} a`)
})

test('states that fill a message go over in several', async () => {
  const place = openPlace()
  const state = 'x'.repeat(400_000)
  const states: unknown[] = []
  const options: ServeOptions = {
    hooks: { export: () => state, import: (_, __, got) => states.push(got) },
  }
  const { port, generation } = await serveWebSockets(place, options)
  const clients = await Promise.all(Array.from({ length: 5 }, () => Client.connect(port)))
  const next = await serveWebSockets(place, options)
  await generation.told('drained')
  await until('all of them go over', () => states.length === clients.length)
  expect(states.every((got) => got === state)).toBe(true)
  expect(next.wss.clients.size).toBe(5)
  expect(generation.all('warning')).toEqual([])
})

test('a batch that the new process never had is served by the old one again, with its state', async () => {
  const place = openPlace()
  const adopted: unknown[] = []
  const old = await serveWebSockets(place, {
    hooks: { export: () => 'known', import: (_, __, state) => adopted.push(state) },
  })
  const client = await Client.connect(old.port)
  const peer = place.newPeer()
  const { listeners } = await peer.receive()
  const [key = ''] = listeners.map((listener) => listener.key)
  peer.say({ type: 'ready', claimed: [key], takes: { [key]: ['websocket'] } })
  await peer.hear('committed')
  const { kind, items } = await peer.hear('connections')
  expect({ kind, items }).toEqual({
    kind: 'websocket',
    items: [
      {
        request: expect.stringMatching(/^GET \/ HTTP\/1.1\r\n(.+: .+\r\n)+\r\n$/),
        extensions: '',
        protocol: '',
        state: 'known',
      },
    ],
  })
  expect(old.wss.clients.size).toBe(0)
  peer.die()
  await old.generation.told('taken-back')
  expect(await client.ask('still there?')).toBe(`${old.generation.system.pid} still there?`)
  expect(adopted).toEqual(['known'])
})
