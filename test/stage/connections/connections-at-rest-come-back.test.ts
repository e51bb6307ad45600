// The new process dies: HTTP connections that it used, and left at rest, are served here again.

import { readSync, writeSync } from 'node:fs'
import type { Server } from 'node:http'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { connect, whereIs } from '../support/clients.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { Client, takeAll } from '../support/taken.ts'

const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew'

/** A connection that a new process by hand has; what it does with it, the test says. */
class Taken {
  readonly generation: Generation
  readonly peer: NewPeer
  readonly client: Client
  readonly #fd: number

  constructor(generation: Generation, peer: NewPeer, client: Client) {
    this.generation = generation
    this.peer = peer
    this.client = client
    this.#fd = peer.descriptors.at(-1) as number
  }

  static async one(
    place: Place,
    set: Partial<Server> = {},
    accepts: string[] = [],
  ): Promise<Taken> {
    const { generation, server } = await place.serve()
    Object.assign(server, set)
    const client = new Client(await connect(whereIs(server)))
    await until('it is open', () => generation.handoff.metrics().connections === 1)
    return new Taken(generation, await takeAll(place, 'http', 1, accepts), client)
  }

  /** The client says something, and the new process reads all of it. */
  async reads(text: string): Promise<void> {
    this.client.socket.write(text)
    for (let left = text.length; left > 0; ) left -= await this.#readSome(left)
  }

  /** A request, and its answer. */
  async answers(): Promise<void> {
    await this.reads(request)
    writeSync(this.#fd, answer)
    await this.client.hears('new')
  }

  write(text: string): void {
    writeSync(this.#fd, text)
  }

  tellsRest(item: unknown = { idleMs: 5_000 }): void {
    const [progress] = readProgress([this.#fd])
    if (progress === undefined) throw new Error('the kernel does not tell')
    this.peer.say({ type: 'rested', rests: [{ number: 0, ...progress, item }] })
  }

  /** Leaves the rest in the file of positions, and sends nothing. */
  writesRest(item: unknown = { idleMs: 5_000 }): void {
    const [progress] = readProgress([this.#fd])
    if (progress === undefined) throw new Error('the kernel does not tell')
    expect(this.peer.positions?.write(0, { ...progress, item })).toBe(true)
  }

  async dies(): Promise<{ back: number; closed: number }> {
    this.peer.die()
    return (await this.generation.told('taken-back')).connections
  }

  /** The old process answers on the same connection. */
  async isServed(): Promise<void> {
    this.client.socket.write(request)
    await this.client.hears(`\r\n\r\n${this.generation.system.pid}`)
    this.client.socket.destroy()
  }

  #readSome(bytes: number): Promise<number> {
    return until('it is read', () => {
      try {
        return readSync(this.#fd, Buffer.alloc(bytes))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
        throw error
      }
    })
  }
}

describe.runIf(hasProc)('a connection that was used', () => {
  test('and is at rest is served again', async () => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    taken.tellsRest()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test('and on which the next request waits unread is answered', async () => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    taken.tellsRest()
    taken.client.heard = ''
    taken.client.socket.write(request)
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.client.hears(`\r\n\r\n${taken.generation.system.pid}`)
    taken.client.socket.destroy()
  })

  test('counts from its last rest', async () => {
    const taken = await Taken.one(openPlace())
    for (let request = 0; request < 3; request++) {
      await taken.answers()
      taken.client.heard = ''
      taken.tellsRest()
    }
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test.each<[string, (taken: Taken) => unknown]>([
    ['half of the next request was read', (taken) => taken.reads(request.slice(0, 10))],
    ['the next request was read', (taken) => taken.reads(request)],
    ['a part of an answer was written', (taken) => taken.write('HTTP/1.1 200')],
    ['it rested once more, and did not tell', (taken) => taken.answers()],
  ])('is closed when %s since its rest', async (_, use) => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    taken.tellsRest()
    await use(taken)
    expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
    await until('it ends', () => taken.client.ended || taken.client.socket.destroyed)
    taken.client.socket.destroy()
  })

  test('has the time, and the count of requests, with which it rested', async () => {
    const taken = await Taken.one(openPlace(), { maxRequestsPerSocket: 3 })
    await taken.answers()
    taken.tellsRest({ idleMs: 2_000, requests: 2 })
    await taken.dies()
    taken.client.heard = ''
    taken.client.socket.write(request)
    // The third, and so the last.
    await taken.client.hears('Connection: close')
    taken.client.socket.destroy()
  })

  test('and stays silent after a take-back is closed when its time is over', async () => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    taken.tellsRest({ idleMs: 2_000 })
    await taken.dies()
    taken.generation.system.advance(3_000)
    await until('it ends', () => taken.client.ended)
    taken.client.socket.destroy()
  })
})

test.runIf(hasProc)(
  'a rest of a connection that has ended, or never came, means nothing',
  async () => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    const rest = { read: 1, written: 1, item: { idleMs: 0 } }
    taken.peer.say({ type: 'rested', rests: [{ ...rest, number: 7 }] })
    taken.peer.say({ type: 'ended', numbers: [0] })
    taken.tellsRest()
    expect(await taken.dies()).toEqual({ back: 0, closed: 0 })
    taken.client.socket.destroy()
  },
)

test.runIf(hasProc)(
  'who tells of a rest with an item that is none is not taken back from',
  async () => {
    const taken = await Taken.one(openPlace())
    await taken.answers()
    taken.tellsRest({ idleMs: 'long' })
    // It broke the protocol, and so it has the listeners.
    await taken.generation.exit()
    taken.client.socket.destroy()
  },
)

test.runIf(hasProc)(
  'a connection of another kind is closed when it was used, whatever was told',
  async () => {
    const place = openPlace()
    const generation = await place.start()
    const server = generation.own(net.createServer())
    generation.handoff.moveConnections(server, {
      atRest: () => true,
      export: () => 'known',
      import: () => {},
    })
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    const client = new Client(await connect(whereIs(server)))
    await until('it is open', () => generation.handoff.metrics().connections === 1)
    const taken = new Taken(generation, await takeAll(place, 'raw', 1), client)
    taken.write('hello')
    taken.tellsRest({ state: 'later' })
    expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
    client.socket.destroy()
  },
)

describe.runIf(hasProc)('a connection of which the rest is in the file of positions', () => {
  const writing = (place = openPlace()) => Taken.one(place, {}, ['mark', 'positions'])

  test('is served again', async () => {
    const taken = await writing()
    await taken.answers()
    taken.client.heard = ''
    taken.writesRest()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test('is served again if it has never been used', async () => {
    const taken = await writing()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test('counts from the rest that was reported last, in the file or by a message', async () => {
    for (const last of ['tellsRest', 'writesRest'] as const) {
      const taken = await writing()
      await taken.answers()
      taken.writesRest()
      taken.tellsRest()
      await taken.answers()
      taken.client.heard = ''
      taken[last]()
      expect(await taken.dies(), last).toEqual({ back: 1, closed: 0 })
      await taken.isServed()
    }
  })

  test.each<[string, (taken: Taken) => unknown]>([
    ['it was used since', (taken) => taken.reads(request.slice(0, 10))],
    ['nothing was written', () => {}],
    ['its item is none', (taken) => taken.writesRest({ idleMs: 'long' })],
  ])('is closed if %s', async (name, use) => {
    const taken = await writing()
    await taken.answers()
    if (name === 'it was used since') taken.writesRest()
    await use(taken)
    expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
    await until('it ends', () => taken.client.ended || taken.client.socket.destroyed)
    taken.client.socket.destroy()
  })
})
