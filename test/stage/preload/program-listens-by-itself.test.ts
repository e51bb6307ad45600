// A program that knows nothing of a handoff, and calls listen and bind: it sees what Node shows.

import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { interceptBind } from '../../../packages/handoff/src/io/hooks/bind-hook.ts'
import { interceptListen } from '../../../packages/handoff/src/io/hooks/listen-hook.ts'
import { ProgramHandoff } from '../../../packages/handoff/src/preload/program-handoff.ts'
import { WhenReady } from '../../../packages/handoff/src/preload/readiness/when-ready.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask } from '../support/clients.ts'
import { type Generation, openPlace } from '../support/place.ts'

/** Has every listen and bind on a port go through a handoff; the next generation replaces this one. */
async function preload(
  options: { create?: () => Promise<never>; dropped?: readonly string[] } = {},
) {
  const place = openPlace()
  let generation = place.generation()
  // The preload blocks until there is a handoff; here both sides share one thread.
  await generation.handoff.start()
  const create = () => options.create?.() ?? generation.handoff
  const programHandoffFor = (own: Generation) => {
    const { system } = own
    const whenReady = new WhenReady('listeners', (ms, callback) => system.timer(ms, callback))
    return new ProgramHandoff(create, whenReady, new Set(options.dropped))
  }
  let programHandoff = programHandoffFor(generation)
  const undo = [
    interceptListen({
      claims: (_, { port }) => port !== undefined && port !== 0,
      listen: (server, where, own) => programHandoff.listen(server, where, own),
    }),
    interceptBind({
      claims: (_, { port }) => port !== 0,
      bind: (socket, request) => programHandoff.bind(socket, request),
    }),
  ]
  onTestFinished(() => {
    for (const restore of undo) restore()
  })
  return {
    place,
    get generation() {
      return generation
    },
    /** What listens from now on is in a process that replaces the one before. */
    async next() {
      generation = place.generation()
      await generation.handoff.start()
      programHandoff = programHandoffFor(generation)
      return generation
    },
    server: () => generation.own(http.createServer((_, response) => response.end('hello'))),
    socket: () => generation.ownDatagram(dgram.createSocket({ type: 'udp4', reuseAddr: true })),
  }
}

const host = '127.0.0.1'

/** Lets the moment pass after which the listeners of a program count. */
async function serves({ system, events }: Generation): Promise<void> {
  await until(`process ${system.pid} serves`, () => {
    system.advance(10)
    return events.some(({ type }) => type === 'serving')
  })
}

const closing = (server: net.Server) => new Promise((resolve) => server.close(resolve))

test('the first generation serves from its first listen, and the next takes over', async () => {
  const program = await preload()
  const port = await freePort()
  const first = program.generation
  await once(program.server().listen(port, host), 'listening')
  expect(await ask({ host, port })).toBe('hello')
  await serves(first)

  const second = await program.next()
  await once(program.server().listen({ port, host }), 'listening')
  await serves(second)
  await first.told('drained')
  expect(await ask({ host, port })).toBe('hello')
  expect(second.handoff.generation).toBe(2)
})

test('a program that tries its port first is ready when it listens there for good', async () => {
  const program = await preload()
  const port = await freePort()
  await once(program.server().listen(port, host), 'listening')
  const first = program.generation
  await serves(first)

  const second = await program.next()
  for (let probe = 0; probe < 3; probe++) {
    const server = program.server().listen(port, host)
    await once(server, 'listening')
    second.system.advance(20)
    await closing(server)
    second.system.advance(200)
  }
  expect(second.all('serving')).toEqual([])
  expect(await ask({ host, port })).toBe('hello')
  await once(program.server().listen(port, host), 'listening')
  await serves(second)
  expect(second.all('warning')).toEqual([])
})

test('a program that listens elsewhere first is not ready, says so, and gives up in the end', async () => {
  const program = await preload()
  const ports = [await freePort(), await freePort()] as const
  for (const port of ports) await once(program.server().listen(port, host), 'listening')
  const first = program.generation
  await serves(first)

  const second = await program.next()
  await once(program.server().listen(ports[1], host), 'listening')
  await until('it is named', () => {
    second.system.advance(100)
    return second.all('warning')[0]
  })
  expect(second.all('warning')[0]?.message).toMatch(
    `not ready yet: this process does not listen on tcp:${host}:${ports[0]}, and the old process does`,
  )
  second.system.advance(60_000)
  expect(await second.told('aborted')).toMatchObject({
    code: 'ERR_HANDOFF_LISTENER_MISSING',
    serving: 'old',
  })
  expect(second.all('warning')).toHaveLength(1)
  for (const port of ports) expect(await ask({ host, port })).toBe('hello')
})

test('a program finds its port free at every address, though the old process listens there', async () => {
  const program = await preload()
  const port = await freePort()
  await once(program.server().listen(port, host), 'listening')
  const first = program.generation
  await serves(first)

  const second = await program.next()
  for (const address of [undefined, '0.0.0.0', host, '127.0.0.2']) {
    const probe = program.server().listen({ port, host: address })
    await once(probe, 'listening')
    expect(probe.address()).toMatchObject({ port })
    await closing(probe)
    second.system.advance(200)
  }
  expect(await ask({ host, port })).toBe('hello')
  await once(program.server().listen(port, host), 'listening')
  await serves(second)
  expect(second.all('warning')).toEqual([])
})

test('a program that stays at an address which overlaps with the old one gives up', async () => {
  const program = await preload()
  const port = await freePort()
  await once(program.server().listen(port, host), 'listening')
  const first = program.generation
  await serves(first)

  const second = await program.next()
  await once(program.server().listen(port), 'listening')
  await until('it gives up', () => {
    second.system.advance(100)
    return second.all('aborted')[0]
  })
  expect(await second.told('aborted')).toMatchObject({
    code: 'ERR_HANDOFF_LISTEN_FAILED',
    message: expect.stringContaining('EADDRINUSE'),
    serving: 'old',
  })
  expect(await ask({ host, port })).toBe('hello')
})

test('a port that somebody else has is in use', async () => {
  const program = await preload()
  const port = await freePort()
  await once(program.server().listen(port, host), 'listening')
  await serves(program.generation)
  const other = http.createServer().listen(0, '127.0.0.2')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const taken = other.address() as { port: number }

  const second = await program.next()
  const probe = program.server().listen(taken.port, '127.0.0.2')
  const [error] = await once(probe, 'error')
  expect(error).toMatchObject({ code: 'EADDRINUSE', port: taken.port })
  await once(program.server().listen(port, host), 'listening')
  await serves(second)
})

test('a program leaves out what the operator gives up', async () => {
  const dropped = await freePort()
  const program = await preload({ dropped: [String(dropped)] })
  const port = await freePort()
  for (const one of [port, dropped]) await once(program.server().listen(one, host), 'listening')
  await serves(program.generation)

  const second = await program.next()
  await once(program.server().listen(port, host), 'listening')
  await serves(second)
  await expect(ask({ host, port: dropped })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a server whose socket is in use says so by its error event, and may try another', async () => {
  const program = await preload()
  const free = await freePort()
  // Port 0 is not claimed: Node's own.
  const other = http.createServer().listen(0, host)
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const server = program.server()
  server.listen(port, host)
  const [error] = await once(server, 'error')
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address: host, port })
  server.listen(free, host)
  await once(server, 'listening')
})

test('a server listens at the return of its listen, and a second one throws, as in Node', async () => {
  const program = await preload()
  const port = await freePort()
  const server = program.server().listen(port)
  expect([server.listening, server.address()]).toMatchObject([true, { port }])
  const again = () => server.listen(1)
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }))
  await once(server, 'listening')
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }))
})

test('of an old process too: nobody is accepted before the commit', async () => {
  const program = await preload()
  const port = await freePort()
  const first = program.generation
  await once(program.server().listen(port), 'listening')
  await serves(first)
  await program.next()
  const server = program.server().listen(port)
  expect([server.listening, server.address()]).toMatchObject([true, { port }])
  expect(await ask({ host, port })).toBe('hello')
})

test('a server that is closed before it listens does not listen', async () => {
  const program = await preload()
  const port = await freePort()
  const server = program.server().listen(port)
  server.on('listening', () => expect.unreachable('it was closed'))
  expect(await new Promise((resolve) => server.close(resolve))).toBeUndefined()
  await once(program.server().listen(await freePort(), host), 'listening')
  await expect(ask({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('one close after the listen is the close of the program', async () => {
  const program = await preload()
  const port = await freePort()
  const server = program.server().listen(port, host)
  await once(server, 'listening')
  await serves(program.generation)
  expect(await new Promise((resolve) => server.close(resolve))).toBeUndefined()
  await expect(ask({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a handoff that cannot be made is the error of every server', async () => {
  const refusal = new Error('refused')
  const program = await preload({ create: () => Promise.reject(refusal) })
  const [tcp, udp] = [await freePort(), await freePort()]
  const server = program.server().listen(tcp, host)
  const socket = program.socket().bind(udp, host)
  const errors = await Promise.all([once(server, 'error'), once(socket, 'error')])
  expect(errors).toEqual([[refusal], [refusal]])
})

test('datagrams sent before the end of the bind leave from the port that was asked for', async () => {
  const program = await preload()
  const port = await freePort()
  const receiver = program.socket()
  receiver.bind(0, host)
  await once(receiver, 'listening')
  const sender = program.socket()
  const bound = once(sender.bind(port, host), 'listening')
  sender.send('early', receiver.address().port, host)
  const [[data, from]] = await Promise.all([once(receiver, 'message'), bound])
  expect(`${data}`).toBe('early')
  expect(from.port).toBe(port)
})

test('a second bind throws, before and after the end of the first', async () => {
  const program = await preload()
  const socket = program.socket()
  socket.bind(await freePort(), host)
  const again = () => socket.bind(1)
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_ALREADY_BOUND' }))
  await once(socket, 'listening')
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_ALREADY_BOUND' }))
})

test('a socket that is closed before it is bound is not bound', async () => {
  const program = await preload()
  const socket = dgram.createSocket('udp4')
  socket.on('error', () => expect.unreachable('it was closed'))
  socket.bind(await freePort(), host)
  socket.close()
  await once(socket, 'close')
  await once(program.socket().bind(await freePort(), host), 'listening')
  expect(program.generation.handoff.metrics().listeners).toHaveLength(1)
})

test.each([
  ['_listen2', net.Server.prototype, interceptListen, () => net.createServer().listen(0)],
  ['bind', dgram.Socket.prototype, interceptBind, () => dgram.createSocket('udp4').bind(0)],
] as const)('%s is Node’s own again, also below a hook of somebody else', async (...row) => {
  const [name, prototype, intercept, begin] = row
  const original = Reflect.get(prototype, name)
  const claims = () => true
  const refused = () => Promise.reject(new Error('intercepted'))
  const undo = intercept({ claims, listen: refused, bind: refused })
  const ours = Reflect.get(prototype, name)
  onTestFinished(() => {
    Reflect.set(prototype, name, original)
  })
  Reflect.set(prototype, name, function (this: object, ...args: unknown[]) {
    return Reflect.apply(ours, this, args)
  })
  undo()
  const open = begin()
  onTestFinished(() => void open.close())
  await once(open, 'listening')
})
