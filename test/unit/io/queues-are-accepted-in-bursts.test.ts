// A server whose clients wait in a queue accepts several of them in one turn of the event loop, each as
// Node.js accepts it.

import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { stat } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { AcceptBurst } from '../../../packages/handoff/src/io/listeners/accept-burst.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { moduleFolder } from '../../../packages/handoff/src/io/native/package-folder.ts'
import { canLimitDescriptors, withDescriptorsLeft } from '../../support/descriptor-limit.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'
import { connectWaiting, TurnCounter } from '../../support/waiting-clients.ts'

/** A clock that stands still: bursts end by their size. */
const frozen = { now: () => 0 }

/** Gives bursts to a server. It listens at a free port, or at the path. */
async function listening<S extends Server>(server: S, path?: string, system = frozen): Promise<S> {
  const burst = new AcceptBurst(server, system)
  const onAccepted = (message: unknown) => {
    if ((message as { socket: Socket & { server: Server } }).socket.server === server)
      burst.onAccepted()
  }
  subscribe('net.server.socket', onAccepted)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  onTestFinished(() => {
    unsubscribe('net.server.socket', onAccepted)
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  return server
}

const place = (server: Server) => {
  const address = server.address() as AddressInfo | string
  return typeof address === 'string' ? address : address.port
}

/** Resolves when the server has emitted `connection` so many times. */
async function accepts(server: Server, count: number): Promise<number> {
  const turns = new TurnCounter()
  let accepted = 0
  await new Promise<void>((resolve) => {
    server.on('connection', () => {
      turns.mark()
      if (++accepted === count) resolve()
    })
  })
  return turns.end()
}

/** Lets so many turns of the event loop pass. */
async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('Node.js itself accepts one in each turn', async () => {
  const server = net.createServer()
  onTestFinished(() => void server.close())
  server.on('connection', (socket) => socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  connectWaiting(place(server), 20)
  expect(await accepts(server, 20)).toBe(20)
})

test.each(['TCP', 'Unix'])('a queue of 100 takes few turns: %s', async (kind) => {
  const path = kind === 'Unix' ? join(scratchDirectory(), 'x.sock') : undefined
  const server = await listening(net.createServer(), path)
  connectWaiting(place(server), 100)
  // 1 + 4, 1 + 8, and 1 + 16 in each of the others.
  expect(await accepts(server, 100)).toBeLessThanOrEqual(10)
})

/**
 * Connects a client while the event loop has begun a turn, and returns how many connections the server has
 * emitted at the end of that turn.
 */
async function connectWithinTurn(server: Server): Promise<number> {
  let count = 0
  const onConnection = () => count++
  server.on('connection', onConnection)
  await new Promise<void>((resolve) => {
    // Called back where the event loop has polled its descriptors: it polls them again in the next turn.
    stat('.', () => {
      connectWaiting(place(server), 1)
      setImmediate(resolve)
    })
  })
  server.off('connection', onConnection)
  return count
}

test('after a queue a client that arrives in a turn is accepted at its end', async () => {
  const server = await listening(net.createServer())
  connectWaiting(place(server), 20)
  await accepts(server, 20)
  expect(await connectWithinTurn(server)).toBe(1)
  await pass(20)
  expect(await connectWithinTurn(server)).toBe(1)
})

test('a server that has caught up looks no more at the end of a turn', async () => {
  const server = await listening(net.createServer())
  connectWaiting(place(server), 20)
  await accepts(server, 20)
  await pass(40)
  const look = vi.spyOn(loadNative(), 'waitReadable')
  onTestFinished(() => look.mockRestore())
  await pass(10)
  expect(look).not.toHaveBeenCalled()
  expect(await connectWithinTurn(server)).toBe(0)
})

test('looks at the end of a turn keep no event loop', async () => {
  const server = await listening(net.createServer())
  connectWaiting(place(server), 20)
  await accepts(server, 20)
  const look = vi.spyOn(loadNative(), 'waitReadable')
  onTestFinished(() => look.mockRestore())
  // A loop that does not wait turns some hundred times in that.
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(look.mock.calls.length).toBeLessThan(10)
})

test('the order is that of the queue', async () => {
  const server = await listening(net.createServer())
  const ports: unknown[] = []
  server.on('connection', ({ remotePort }) => ports.push(remotePort))
  const expected = connectWaiting(place(server), 60)
  await accepts(server, 60)
  expect(ports).toEqual(expected)
})

test('a burst ends after 2 ms, so that other connections do not wait', async () => {
  let now = 0
  const server = await listening(net.createServer(), undefined, { now: () => now })
  server.on('connection', () => {
    now += 1
  })
  connectWaiting(place(server), 60)
  // One by Node.js and two by the burst in each turn.
  expect(await accepts(server, 60)).toBeGreaterThanOrEqual(20)
})

test('ticks and microtasks of a connection run before the next one', async () => {
  const server = await listening(net.createServer())
  const seen: string[] = []
  let count = 0
  server.on('connection', () => {
    const number = ++count
    seen.push(`connection ${number}`)
    process.nextTick(() => seen.push(`tick ${number}`))
    queueMicrotask(() => seen.push(`microtask ${number}`))
  })
  connectWaiting(place(server), 10)
  await accepts(server, 10)
  await pass(1)
  const all = Array.from({ length: 10 }, (_, index) => index + 1)
  expect(seen).toEqual(all.flatMap((n) => [`connection ${n}`, `tick ${n}`, `microtask ${n}`]))
})

test('a connection is accepted in the context of the listen, not in that of another one', async () => {
  const storage = new AsyncLocalStorage<string>()
  const server = await storage.run('listen', () => listening(net.createServer()))
  const stores: unknown[] = []
  server.on('connection', () => {
    stores.push(storage.getStore())
    storage.enterWith(`connection ${stores.length}`)
  })
  // One by Node.js, and four by the burst.
  connectWaiting(place(server), 5)
  await accepts(server, 5)
  expect(stores).toEqual(Array.from({ length: 5 }, () => 'listen'))
})

test('the stack of a listener has no frame of this package', async () => {
  const server = await listening(net.createServer())
  const stacks: string[] = []
  server.on('connection', () => stacks.push(new Error('where').stack ?? ''))
  connectWaiting(place(server), 10)
  await accepts(server, 10)
  for (const stack of stacks) expect(stack).not.toContain(moduleFolder)
  expect(stacks.at(-1)).toMatch(/at \S+\.onconnection \(node:net/)
})

test.each<[string, (close: () => void) => void]>([
  ['in its listener', (close) => close()],
  ['in a tick', (close) => process.nextTick(close)],
  ['in a microtask', (close) => queueMicrotask(close)],
])('a server that closes %s accepts no more', async (_, when) => {
  const server = await listening(net.createServer())
  let count = 0
  server.on('connection', () => {
    if (++count === 3) when(() => void server.close())
  })
  connectWaiting(place(server), 30)
  await until('the server has closed', () => !server.listening)
  await pass(5)
  expect(count).toBe(3)
})

test('maxConnections counts as ever', async () => {
  const server = await listening(net.createServer({ pauseOnConnect: true }))
  server.maxConnections = 5
  let dropped = 0
  const all = new Promise<void>((resolve) => {
    server.on('drop', () => {
      if (++dropped === 35) resolve()
    })
  })
  connectWaiting(place(server), 40)
  await all
  expect(await new Promise((resolve) => server.getConnections((_, n) => resolve(n)))).toBe(5)
})

test('options of the server hold for each connection', async () => {
  const options = { pauseOnConnect: true, allowHalfOpen: true, highWaterMark: 1_000 }
  const server = await listening(net.createServer(options))
  const seen = new Set<string>()
  server.on('connection', (socket) => {
    const { allowHalfOpen, readableHighWaterMark } = socket
    seen.add(JSON.stringify([allowHalfOpen, readableHighWaterMark, socket.isPaused()]))
  })
  connectWaiting(place(server), 20)
  await accepts(server, 20)
  expect([...seen]).toEqual(['[true,1000,true]'])
})

test('an HTTP server answers each', async () => {
  const server = await listening(http.createServer((_, response) => response.end('whole')))
  const { port } = server.address() as AddressInfo
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const request = http.get({ port, host: '127.0.0.1', agent: false }, async (response) => {
        resolve(Buffer.concat(await response.toArray()).toString())
      })
      request.on('error', reject)
    })
  expect(new Set(await Promise.all(Array.from({ length: 100 }, ask)))).toEqual(new Set(['whole']))
})

test('accepts that find no queue look for one less and less', async () => {
  const server = await listening(net.createServer())
  const look = vi.spyOn(loadNative(), 'waitReadable')
  onTestFinished(() => look.mockRestore())
  const connectOne = async () => {
    const accepted = once(server, 'connection')
    const client = net.connect(place(server) as number, '127.0.0.1')
    const [[socket]] = await Promise.all([accepted, once(client, 'connect')])
    socket.destroy()
    client.destroy()
  }
  for (let i = 0; i < 65; i++) await connectOne()
  expect(look).toHaveBeenCalledTimes(65)
  for (let i = 0; i < 40; i++) await connectOne()
  expect(look).toHaveBeenCalledTimes(75)
  connectWaiting(place(server), 40)
  expect(await accepts(server, 40)).toBeLessThanOrEqual(10)
})

test.runIf(canLimitDescriptors)('at the descriptor limit it does as Node.js does', async () => {
  const server = await listening(net.createServer())
  let count = 0
  server.on('connection', () => count++)
  connectWaiting(place(server), 20)
  await withDescriptorsLeft(3, async () => {
    // libuv closes the clients that it has no descriptor for.
    await until('3 are accepted', () => count === 3)
    await pass(10)
    expect(count).toBe(3)
  })
  connectWaiting(place(server), 20)
  await until('the others are accepted', () => count === 23)
})

test('a connection that its client has given up meanwhile ends no burst', async () => {
  const native = loadNative()
  const { accept } = native
  const results = [-constants.errno.ECONNABORTED]
  const aborted = vi
    .spyOn(native, 'accept')
    .mockImplementation((fd) => results.shift() ?? accept(fd))
  onTestFinished(() => aborted.mockRestore())
  const server = await listening(net.createServer())
  connectWaiting(place(server), 5)
  expect(await accepts(server, 5)).toBeLessThanOrEqual(3)
})

test.runIf(hasProc)('a connection that libuv refuses is closed, and ends no burst', async () => {
  const server = await listening(net.createServer())
  const { open } = Reflect.get(server, '_handle').constructor.prototype
  const results = [-constants.errno.EINVAL, -constants.errno.EINVAL]
  const refusing = vi
    .spyOn(Reflect.get(server, '_handle').constructor.prototype, 'open')
    .mockImplementation(function (this: unknown, ...args: unknown[]) {
      return results.shift() ?? Reflect.apply(open, this, args)
    })
  onTestFinished(() => refusing.mockRestore())
  server.on('connection', (socket) => socket.destroy())
  const before = descriptors(process.pid).length
  connectWaiting(place(server), 20)
  await accepts(server, 18)
  await until('no descriptor is left', () => descriptors(process.pid).length === before)
})

test('a handle without the members that Node.js has today accepts by itself', async () => {
  const server = await listening(net.createServer())
  Object.defineProperty(Reflect.get(server, '_handle'), 'open', { value: undefined })
  connectWaiting(place(server), 20)
  expect(await accepts(server, 20)).toBe(20)
})
