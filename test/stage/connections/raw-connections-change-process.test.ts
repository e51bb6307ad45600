// Connections of a net.Server go over where the application says that they are between two messages.

import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import type { ConnectionHooks } from '../../../packages/handoff/src/connections/raw/mover.ts'
import { until } from '../../support/until.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { tls as identity } from '../support/tls.ts'

const rests = new WeakMap<Socket, string>()
const lines: ConnectionHooks = { atRest: (socket) => rests.get(socket) === '' }

/** Answers each line with the process that it is in. */
function echo(socket: Socket, { system }: Generation): void {
  rests.set(socket, '')
  socket.setEncoding('utf8').on('data', (text: string) => {
    const parts = ((rests.get(socket) ?? '') + text).split('\n')
    rests.set(socket, parts.pop() ?? '')
    for (const part of parts) socket.write(`${system.pid} ${part}\n`)
  })
}

async function serve(
  place: Place,
  hooks: ConnectionHooks | null = lines,
  onConnection: (socket: Socket, generation: Generation) => void = echo,
) {
  const generation = await place.start()
  const server = generation.own(net.createServer((socket) => onConnection(socket, generation)))
  if (hooks !== null) generation.handoff.moveConnections(server, hooks)
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  const connections = () => generation.handoff.metrics().connections
  return { generation, server, connections, port: (server.address() as AddressInfo).port }
}

class Client {
  readonly socket: Socket
  heard = ''
  ended = false

  constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port })
    this.socket.on('data', (data) => {
      this.heard += data
    })
    this.socket.on('end', () => {
      this.ended = true
    })
    this.socket.on('error', () => {})
    onTestFinished(() => void this.socket.destroy())
  }

  async hears(text: string): Promise<void> {
    await until(`it hears ${text}`, () => this.heard.includes(text))
  }
}

/** What is uncaught from now on until the end of the test, in place of vitest, which fails for it. */
function uncaught(): unknown[] {
  const errors: unknown[] = []
  const others = process.listeners('uncaughtException')
  const listener = (error: unknown) => errors.push(error)
  process.removeAllListeners('uncaughtException').on('uncaughtException', listener)
  onTestFinished(() => {
    process.off('uncaughtException', listener)
    for (const other of others) process.on('uncaughtException', other)
  })
  return errors
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

test('a connection at rest goes over with its state, and hears of nothing', async () => {
  const place = openPlace()
  const counts = new WeakMap<Socket, number>()
  const closes: number[] = []
  const hooks: ConnectionHooks = {
    atRest: () => true,
    export: (socket) => counts.get(socket),
    import: (socket, state) => counts.set(socket, state as number),
  }
  const count = (socket: Socket, { system, handoff }: Generation) => {
    counts.set(socket, 0)
    if (!handoff.isAdopted(socket)) socket.write('welcome\n')
    socket.on('close', () => closes.push(system.pid))
    socket.on('data', (data) => {
      const next = (counts.get(socket) ?? 0) + data.length
      counts.set(socket, next)
      socket.write(`${system.pid} ${next}\n`)
    })
  }
  const old = await serve(place, hooks, count)
  const client = new Client(old.port)
  await client.hears('welcome')
  client.socket.write('abc')
  await client.hears(`${old.generation.system.pid} 3`)
  const next = await serve(place, hooks, count)
  const { counts: drained } = await old.generation.told('drained')
  expect(drained).toEqual({ drained: 0, handedOver: 1, closed: 0, forced: 0 })
  client.socket.write('de')
  await client.hears(`${next.generation.system.pid} 5`)
  expect(client.heard.match(/welcome/g)).toHaveLength(1)
  expect(closes).toEqual([])
  await until('the server counts it', async () => {
    const open = await new Promise<number>((resolve) => {
      next.server.getConnections((_, number) => resolve(number))
    })
    return open === 1
  })
  client.socket.end()
  await until('the new process hears its end', () => closes.length === 1)
  expect(closes).toEqual([next.generation.system.pid])
})

test('half a line keeps a connection here; the rest of it lets it go', async () => {
  const place = openPlace()
  const old = await serve(place)
  const client = new Client(old.port)
  client.socket.write('one\ntw')
  await client.hears('one')
  const next = await serve(place)
  await turns()
  expect(old.connections()).toBe(1)
  client.socket.write('o\n')
  await client.hears(`${old.generation.system.pid} two`)
  await until('it goes over', () => next.connections() === 1)
  client.socket.write('three\n')
  await client.hears(`${next.generation.system.pid} three`)
})

test('what takes its time says when it is done', async () => {
  const place = openPlace()
  let done = false
  const old = await serve(place, { atRest: () => done })
  const client = new Client(old.port)
  client.socket.write('one\n')
  await client.hears('one')
  const next = await serve(place)
  await turns()
  expect(old.connections()).toBe(1)
  done = true
  old.generation.handoff.recheck()
  await until('it goes over', () => next.connections() === 1)
})

test('a reply that is not read yet arrives whole, and then the connection goes over', async () => {
  const place = openPlace()
  const bytes = 16 << 20
  const old = await serve(place, { atRest: () => true }, (socket) => {
    socket.once('data', () => socket.write(Buffer.alloc(bytes)))
  })
  const client = new Client(old.port)
  client.socket.pause()
  client.socket.write('give')
  await until('it is written', () => old.connections() === 1)
  await turns()
  const next = await serve(place, { atRest: () => true })
  await turns()
  expect(old.connections()).toBe(1)
  client.socket.resume()
  await until('all of it arrives', () => client.heard.length === bytes)
  await until('it goes over', () => next.connections() === 1)
})

test.each<[string, ConnectionHooks, RegExp]>([
  [
    'cannot be told',
    {
      atRest() {
        throw new Error('who knows')
      },
    },
    /who knows/,
  ],
  ['is no JSON', { atRest: () => true, export: () => 1n }, /BigInt/],
])('a connection whose state %s stays, with a warning', async (_, hooks, warning) => {
  const place = openPlace()
  const old = await serve(place, hooks)
  const client = new Client(old.port)
  client.socket.write('one\n')
  await client.hears('one')
  await serve(place)
  await turns()
  expect(old.connections()).toBe(1)
  client.socket.write('two\n')
  await client.hears(`${old.generation.system.pid} two`)
  expect(old.generation.all('warning').map(({ message }) => message)).toEqual([
    expect.stringMatching(warning),
  ])
})

test('a connection whose import fails is closed, with a warning', async () => {
  const place = openPlace()
  const old = await serve(place)
  const client = new Client(old.port)
  client.socket.write('one\n')
  await client.hears('one')
  const { generation: next } = await serve(place, {
    ...lines,
    import() {
      throw new Error('cannot read that')
    },
  })
  await until('it ends', () => client.ended)
  expect(next.all('warning')[0]?.message).toMatch(/cannot read that/)
})

test('where the application throws at one, the others are served, and nothing is closed twice', async () => {
  const place = openPlace()
  const old = await serve(place)
  const clients = [new Client(old.port), new Client(old.port)]
  for (const client of clients) {
    client.socket.write('one\n')
    await client.hears('one')
  }
  const thrown = uncaught()
  const broken: Socket[] = []
  const next = await serve(place, lines, (socket, generation) => {
    if (broken.push(socket) === 1) throw new Error('not this one')
    echo(socket, generation)
  })
  await until('both have come', () => broken.length === 2 && thrown.length > 0)
  expect(thrown).toEqual([expect.objectContaining({ message: 'not this one' })])
  await Promise.any(
    clients.map((client) => {
      client.socket.write('two\n')
      return client.hears(`${next.generation.system.pid} two`)
    }),
  )
  broken[0]?.destroy()
  await until('it ends', () => clients.some(({ ended }) => ended))
  expect(clients.filter(({ ended }) => ended)).toHaveLength(1)
  expect(next.connections()).toBe(1)
})

test('without hooks on either side it stays, and drains', async () => {
  const place = openPlace()
  const old = await serve(place)
  const client = new Client(old.port)
  client.socket.write('one\n')
  await client.hears('one')
  await serve(place, null)
  await turns()
  expect(old.connections()).toBe(1)
  old.generation.system.advance(30_000)
  const { counts } = await old.generation.told('drained')
  expect(counts).toEqual({ drained: 0, handedOver: 0, closed: 0, forced: 1 })
})

test('a server of HTTP has no messages that an application could tell apart', async () => {
  const generation = await openPlace().start()
  const server = http.createServer()
  expect(() => generation.handoff.moveConnections(server, lines)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' }),
  )
})

test('a connection on which the application has begun TLS stays, whatever the application says', async () => {
  const place = openPlace()
  const secureContext = tls.createSecureContext(identity)
  /** STARTTLS: the line is answered in clear text, and then both sides begin. */
  const startTls = (socket: Socket, generation: Generation) => {
    socket.once('data', (data) => {
      if (`${data}` !== 'STARTTLS\n') return
      socket.write('go\n', () =>
        echo(new tls.TLSSocket(socket, { isServer: true, secureContext }), generation),
      )
    })
  }
  const old = await serve(place, { atRest: () => true }, startTls)
  const client = new Client(old.port)
  const other = new Client(old.port)
  client.socket.write('STARTTLS\n')
  await client.hears('go\n')
  client.socket.removeAllListeners('data')
  const { cert: ca } = identity
  const secure = tls.connect({ socket: client.socket, ca, checkServerIdentity: () => undefined })
  let heard = ''
  secure.on('data', (data) => {
    heard += data
  })
  await once(secure, 'secureConnect')
  const asks = async (line: string) => {
    secure.write(`${line}\n`)
    await until(`it hears ${line}`, () => heard.endsWith(`${old.generation.system.pid} ${line}\n`))
  }
  await asks('before')
  await until('both are here', () => old.connections() === 2)

  const next = await serve(place, { atRest: () => true }, startTls)
  await until('the other has gone over', () => next.connections() === 1)
  await asks('after')
  await turns()
  await asks('and again')
  expect(old.connections()).toBe(1)
  secure.destroy()
  other.socket.destroy()
  expect(await old.generation.told('drained')).toMatchObject({
    counts: { drained: 1, handedOver: 1 },
  })
})
