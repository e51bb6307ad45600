// While both processes accept, busy connections go over a few at a time, and silent ones immediately.

import http from 'node:http'
import net, { type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { silenceOf } from '../../../packages/handoff/src/connections/moving/silence.ts'
import { until } from '../../support/until.ts'
import {
  askOn,
  connectTo,
  type SlowHanding,
  settled,
  slowHanding,
} from '../support/slow-handing.ts'
import { Client } from '../support/websockets.ts'

const get = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

const serveHttp = (name: string) => ({
  server: http.createServer((request, response) => {
    if (request.url === '/slow') setImmediate(() => response.write(' '))
    else response.end(name)
  }),
})

/** Clients that have made so many requests. */
async function used({ old }: SlowHanding, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let made = 0; made < count; made++) {
    const socket = await connectTo(old)
    expect(await askOn(socket, get)).toBe('old')
    sockets.push(socket)
  }
  return sockets
}

/** Waits until the connections of the old process have been silent for long enough. */
async function silent({ old, pace }: SlowHanding): Promise<void> {
  const handles = () => [...serverSockets(old.server)]
  await until('they are silent', () =>
    silenceOf(handles()).every((ms) => ms !== undefined && ms >= pace.busyMs),
  )
}

const accepted = new WeakMap<net.Server, Set<Socket>>()

function serverSockets(server: net.Server): Set<Socket> {
  return accepted.get(server) ?? new Set()
}

function track<T extends net.Server>(server: T): T {
  const sockets = new Set<Socket>()
  accepted.set(server, sockets)
  server.on('connection', (socket) => sockets.add(socket))
  return server
}

const handingHttp = () => slowHanding((name) => ({ server: track(serveHttp(name).server) }))

async function answers(sockets: readonly Socket[], question = get): Promise<string[]> {
  const sides: string[] = []
  for (const socket of sockets) sides.push(await askOn(socket, question))
  return sides
}

test('two busy connections go first, and half as many again after each step', async () => {
  const handing = await handingHttp()
  const { hand, pace, gone } = handing
  const sockets = await used(handing, 7)
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(2)
  expect(hand.caughtUp).toBe(false)
  pace.widen()
  await settled(handing)
  expect(gone()).toBe(3)
  // All are served meanwhile, by one side or the other.
  const sides = await answers(sockets)
  expect(sides.filter((side) => side === 'new').length).toBe(3)
  pace.widen()
  pace.widen()
  await settled(handing)
  expect(gone()).toBe(7)
  expect(hand.caughtUp).toBe(true)
  expect(await answers(sockets)).toEqual(Array(7).fill('new'))
})

test('connections that have been silent for a while go over immediately', async () => {
  const handing = await handingHttp()
  const { hand, pace, gone } = handing
  await used(handing, 10)
  await silent(handing)
  await used(handing, 5)
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(12)
})

test('the end of the slow start takes all that waits', async () => {
  const handing = await handingHttp()
  const { hand, pace, gone } = handing
  const sockets = await used(handing, 9)
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(2)
  pace.end()
  await settled(handing)
  expect(gone()).toBe(9)
  expect(await answers(sockets)).toEqual(Array(9).fill('new'))
})

test('a connection that is accepted meanwhile is served here first, and goes over then', async () => {
  const handing = await handingHttp()
  const { hand, pace, old, gone } = handing
  hand.start(pace)
  await settled(handing)
  expect(hand.caughtUp).toBe(true)
  const socket = await connectTo(old)
  await until('it is accepted', () => old.connections.count === 1)
  hand.recheck()
  await settled(handing)
  // Its client is about to speak, and does not wait for a cold process.
  expect(gone()).toBe(0)
  expect(await askOn(socket, get)).toBe('old')
  await until('it has gone over', () => gone() === 1)
  expect(await askOn(socket, get)).toBe('new')
})

test('one that never speaks goes over when it has been silent for a while, or at the end', async () => {
  const handing = await handingHttp()
  const { hand, pace, old, gone } = handing
  const first = await connectTo(old)
  await until('it is accepted', () => old.connections.count === 1)
  await silent(handing)
  const second = await connectTo(old)
  await until('it is accepted', () => old.connections.count === 2)
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(1)
  expect(await askOn(first, get)).toBe('new')
  pace.end()
  await settled(handing)
  expect(gone()).toBe(2)
  expect(await askOn(second, get)).toBe('new')
})

test('a connection with a request under way is not waited for', async () => {
  const handing = await handingHttp()
  const { hand, pace, old, gone } = handing
  const socket = await connectTo(old)
  socket.write(get.replace('/', '/slow'))
  await new Promise((resolve) => socket.once('data', resolve))
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(0)
  expect(hand.caughtUp).toBe(true)
})

test('parked connections are busy if they spoke a moment before they were parked', async () => {
  const handing = await handingHttp()
  const sockets = await used(handing, 6)
  handing.hand.start()
  await settled(handing)
  expect(handing.gone()).toBe(6)
  // The receiver is the old process of the next handoff, with parked connections alone.
  const parked = handing.next.connections.movers.find(({ kind }) => kind === 'http')
  let admitted = 0
  const admit = () => {
    admitted += 1
    return admitted <= 2
  }
  const taken = parked?.take(250, { busyMs: 60_000, admit }) ?? []
  expect(taken.length).toBe(2)
  const rest = parked?.take(250, { busyMs: 0, admit }) ?? []
  expect(rest.length).toBe(4)
  for (const departing of [...taken, ...rest]) departing.serveAgain()
  expect(await answers(sockets)).toEqual(Array(6).fill('new'))
})

test('raw connections go over slowly as well', async () => {
  const question = 'who\n'
  const handing = await slowHanding((name) => {
    const server = track(
      net.createServer((socket) => void socket.on('data', () => socket.write(name))),
    )
    return { server, optIn: (optIns) => void optIns.addConnections(server, { atRest: () => true }) }
  })
  const { hand, pace, old, gone } = handing
  const sockets: Socket[] = []
  for (let made = 0; made < 5; made++) sockets.push(await connectTo(old))
  expect(await answers(sockets, question)).toEqual(Array(5).fill('old'))
  await silent(handing)
  expect(await answers(sockets.slice(1), question)).toEqual(Array(4).fill('old'))
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(3)
  expect(hand.caughtUp).toBe(false)
  expect(await askOn(sockets[0] as Socket, question)).toBe('new')
  pace.widen()
  pace.widen()
  await settled(handing)
  expect(gone()).toBe(5)
  expect(await answers(sockets, question)).toEqual(Array(5).fill('new'))
})

test('busy WebSockets go over slowly as well', async () => {
  const handing = await slowHanding((name) => {
    const { server } = serveHttp(name)
    const wss = new WebSocketServer({ server })
    wss.on('connection', (socket) => socket.on('message', () => socket.send(name)))
    onTestFinished(() => wss.close())
    return { server, optIn: (optIns) => void optIns.webSockets.add(wss, {}) }
  })
  const { hand, pace, old, gone } = handing
  const clients: Client[] = []
  for (let made = 0; made < 5; made++) clients.push(await Client.connect(old.port))
  const ask = () => Promise.all(clients.map((client) => client.ask('who')))
  expect(await ask()).toEqual(Array(5).fill('old'))
  hand.start(pace)
  await settled(handing)
  expect(gone()).toBe(2)
  expect((await ask()).filter((side) => side === 'new').length).toBe(2)
  pace.widen()
  await until('one more has gone over', () => gone() === 3)
  pace.end()
  await until('all have gone over', () => gone() === 5)
  expect(await ask()).toEqual(Array(5).fill('new'))
  expect(clients.map(({ socket }) => socket.readyState)).toEqual(Array(5).fill(WebSocket.OPEN))
})
