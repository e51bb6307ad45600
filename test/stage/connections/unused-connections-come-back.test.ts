// The new process dies with connections that it has acked: what it did not use is served here again.

import { readSync, writeSync } from 'node:fs'
import net, { type AddressInfo, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { MovableKind } from '../../../packages/handoff/src/connections/kinds.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { connect, whereIs } from '../support/clients.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { Client, peerPort, takeAll } from '../support/taken.ts'
import { FrameClient, frame, serveWebSockets } from '../support/websockets.ts'

/** A connection of one kind, and how its client asks something. */
interface Talk {
  /** The old process, with a state for the connection. */
  serve(place: Place): Promise<{ generation: Generation; server: Server }>
  open(server: Server): Promise<Client>
  question: Buffer
  /** What is in the answer when the state has come back as well. */
  answer: string
}

const kinds: Record<MovableKind, Talk> = {
  http: {
    serve: (place) => place.serve(),
    open: async (server) => new Client(await connect(whereIs(server))),
    question: Buffer.from('GET / HTTP/1.1\r\nHost: test\r\n\r\n'),
    answer: '\r\n\r\n',
  },
  websocket: {
    async serve(place) {
      const states = new WeakMap<object, string>()
      return await serveWebSockets(place, {
        hooks: {
          export: () => 'known',
          import: (socket, _, state) => states.set(socket, state as string),
        },
        onConnection: (socket) => {
          socket.on('message', (data) =>
            socket.send(`${data}, ${states.get(socket) ?? 'stranger'}`),
          )
        },
      })
    },
    async open(server) {
      const { socket } = await FrameClient.connect((server.address() as AddressInfo).port)
      return new Client(socket)
    },
    question: frame(1, 'hello'),
    answer: 'hello, known',
  },
  raw: {
    async serve(place) {
      const states = new WeakMap<object, string>()
      const generation = await place.start()
      const server = generation.own(
        net.createServer((socket) => {
          socket.on('data', (data) => socket.write(`${data}, ${states.get(socket) ?? 'stranger'}`))
        }),
      )
      generation.handoff.moveConnections(server, {
        atRest: () => true,
        export: () => 'known',
        import: (socket, state) => states.set(socket, state as string),
      })
      await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
      await generation.handoff.ready()
      return { generation, server }
    },
    open: async (server) => new Client(await connect(whereIs(server))),
    question: Buffer.from('hello'),
    answer: 'hello, known',
  },
}

describe.runIf(hasProc).each(Object.entries(kinds))('%s', (name, talk) => {
  const kind = name as MovableKind

  test('one that the new process has reported as ended is neither served nor closed', async () => {
    const place = openPlace()
    const { generation, server } = await talk.serve(place)
    const clients = await Promise.all([talk.open(server), talk.open(server)])
    await until('both are open', () => generation.handoff.metrics().connections === 2)
    const peer = await takeAll(place, kind, 2)
    peer.say({ type: 'ended', numbers: [0] })
    peer.die()
    expect((await generation.told('taken-back')).connections).toEqual({ back: 1, closed: 0 })
    await until('one has ended', () => clients.some(({ ended }) => ended))
    const served = clients.filter(({ ended }) => !ended)
    expect(served).toHaveLength(1)
    served[0]?.socket.write(talk.question)
    await served[0]?.hears(talk.answer)
    for (const { socket } of clients) socket.destroy()
  })

  test('unused: they are served again, with their state', async () => {
    const place = openPlace()
    const { generation, server } = await talk.serve(place)
    const clients = await Promise.all([talk.open(server), talk.open(server)])
    const [first, second] = clients as [Client, Client]
    await until('both are open', () => generation.handoff.metrics().connections === 2)
    const peer = await takeAll(place, kind, 2)
    // Said while the new process has it; it never reads that.
    first.socket.write(talk.question)
    peer.die()
    const { connections } = await generation.told('taken-back')
    expect(connections).toEqual({ back: 2, closed: 0 })
    second.socket.write(talk.question)
    for (const client of clients) {
      await client.hears(talk.answer)
      client.socket.destroy()
    }
  })

  test('unused, and its client has closed its side meanwhile: it is answered', async () => {
    const place = openPlace()
    const { generation, server } = await talk.serve(place)
    const client = await talk.open(server)
    await until('it is open', () => generation.handoff.metrics().connections === 1)
    const peer = await takeAll(place, kind, 1)
    await new Promise<void>((resolve) => client.socket.end(talk.question, resolve))
    peer.die()
    const { connections } = await generation.told('taken-back')
    expect(connections).toEqual({ back: 1, closed: 0 })
    await client.hears(talk.answer)
    await until('it ends', () => client.ended)
    client.socket.destroy()
  })

  test.each<[string, (peer: NewPeer, fd: number, client: Client) => unknown]>([
    [
      'read from',
      async (_, fd, client) => {
        client.socket.write(talk.question)
        await until('it is read', () => {
          try {
            return readSync(fd, Buffer.alloc(1)) === 1
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
            throw error
          }
        })
      },
    ],
    ['written to', (_, fd) => writeSync(fd, 'H')],
  ])('one that was %s is closed, the other is served again', async (_, use) => {
    const place = openPlace()
    const { generation, server } = await talk.serve(place)
    const clients = await Promise.all([talk.open(server), talk.open(server)])
    await until('both are open', () => generation.handoff.metrics().connections === 2)
    const peer = await takeAll(place, kind, 2)
    const fd = peer.descriptors.at(-1) as number
    const port = peerPort(fd)
    const used = clients.find(({ socket }) => socket.localPort === port) as Client
    const unused = clients.find((client) => client !== used) as Client
    await use(peer, fd, used)
    peer.die()
    const { connections } = await generation.told('taken-back')
    expect(connections).toEqual({ back: 1, closed: 1 })
    await until('it ends', () => used.ended || used.socket.destroyed)
    used.socket.destroy()
    unused.socket.write(talk.question)
    await unused.hears(talk.answer)
    unused.socket.destroy()
  })
})
