// The new process dies: TLS connections that it left at rest are served by the old process again.

import { readSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import {
  type TlsProgress,
  TlsRecords,
} from '../../../packages/handoff/src/io/native/tls-records.ts'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { until } from '../../support/until.ts'
import type { NewPeer } from '../support/peers.ts'
import { openPlace, type Place } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { hasConnections, type SecureServed, serveSecurely } from '../support/secure-server.ts'
import { takeAll } from '../support/taken.ts'

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew'

/** A connection that a new process by hand has taken. */
class Taken {
  readonly place: Place
  readonly old: SecureServed
  readonly peer: NewPeer
  readonly client: SecureClient
  readonly fd: number
  readonly #session: TlsSession

  constructor(place: Place, old: SecureServed, peer: NewPeer, client: SecureClient) {
    this.place = place
    this.old = old
    this.peer = peer
    this.client = client
    this.fd = peer.descriptors.at(-2) as number
    this.#session = new TlsSession(new TlsRecords({ fd: peer.descriptors.at(-1) as number }, 0))
  }

  static async one(options = {}, accepts: readonly string[] = []): Promise<Taken> {
    const place = openPlace()
    const old = await serveSecurely(place)
    const client = await SecureClient.connect(old.server, options)
    await client.ask()
    return new Taken(place, old, await takeAll(place, 'http', 1, accepts), client)
  }

  /** Reads until the whole request is there, and answers it. */
  async answers(): Promise<void> {
    this.client.heard = ''
    this.client.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await this.#reads('\r\n\r\n')
    writeSync(this.fd, this.#session.seal(Buffer.from(answer)))
    expect(await this.client.answer()).toBe('new')
  }

  async #reads(text: string): Promise<void> {
    let heard = ''
    await until('it is read', () => {
      const chunk = Buffer.alloc(65_536)
      try {
        const length = readSync(this.fd, chunk)
        const { data, reply } = this.#session.receive(chunk.subarray(0, length))
        heard += Buffer.concat(data).toString()
        if (reply !== undefined) writeSync(this.fd, reply)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      }
      return heard.includes(text)
    })
  }

  /** Reports the rest as a message, with what cannot change if the test adds it. */
  /** Where the connection is, as its process would report it. */
  get progress(): TlsProgress {
    return this.#session.progress()
  }

  reportsRest(change: object = {}): void {
    this.peer.say({ type: 'rested', rests: [{ number: 0, ...this.#rest(change) }] })
  }

  /** Leaves the rest in the file of positions, and sends nothing. */
  writesRest(change: object = {}): boolean {
    return this.peer.positions?.write(0, this.#rest(change)) === true
  }

  #rest(change: object) {
    const [position] = readProgress([this.fd])
    if (position === undefined) throw new Error('the kernel does not say')
    const tls = { progress: this.#session.progress(), ...change }
    return { ...position, item: { idleMs: 0, tls } }
  }

  async dies(): Promise<{ back: number; closed: number }> {
    this.peer.die()
    return (await this.old.generation.told('taken-back')).connections
  }

  async isServed(): Promise<void> {
    const { pid } = this.old.generation.system
    expect(await this.client.ask('/30000')).toBe(`${pid} 0${'x'.repeat(30_000)}`)
    expect(await this.client.ask()).toBe(`${pid} 0`)
  }
}

describe('a connection', () => {
  test('that was not used', async () => {
    const taken = await Taken.one()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
    expect(taken.old.generation.handoff.metrics().fates.takenBack).toMatchObject({ tls: 1 })
  })

  test('that was used, and is at rest', async () => {
    const taken = await Taken.one()
    for (let request = 0; request < 3; request++) await taken.answers()
    taken.reportsRest()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test('with a request that waits unread', async () => {
    const taken = await Taken.one()
    await taken.answers()
    taken.reportsRest()
    taken.client.heard = ''
    taken.client.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    expect(await taken.client.answer()).toBe(`${taken.old.generation.system.pid} 0`)
  })

  test('that was used since its last rest is closed', async () => {
    const taken = await Taken.one()
    await taken.answers()
    taken.reportsRest()
    await taken.answers()
    expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
    await until('it ends', () => taken.client.socket.destroyed)
  })

  test('goes over again after it came back', async () => {
    const taken = await Taken.one()
    await taken.answers()
    taken.reportsRest()
    await taken.dies()
    await taken.isServed()
    const peer = await takeAll(taken.place, 'http', 1)
    const again = new Taken(taken.place, taken.old, peer, taken.client)
    await again.answers()
  })

  test('with TLS 1.2 and AES-GCM: no nonce is used twice', async () => {
    const taken = await Taken.one({ maxVersion: 'TLSv1.2' })
    for (let request = 0; request < 2; request++) await taken.answers()
    taken.reportsRest()
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })
})

describe('a connection of which the rest is in the file of positions', () => {
  const written = (options = {}) => Taken.one(options, ['mark', 'positions', 'tls-positions'])

  test('is served again, and goes over again', async () => {
    const taken = await written()
    expect(taken.peer.manifest?.accepts).toContain('tls-positions')
    for (let request = 0; request < 3; request++) await taken.answers()
    expect(taken.writesRest()).toBe(true)
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
    const peer = await takeAll(taken.place, 'http', 1)
    await new Taken(taken.place, taken.old, peer, taken.client).answers()
  })

  test('is served again after one that it has never used, and another that it has', async () => {
    const taken = await written()
    await taken.answers()
    taken.reportsRest()
    await taken.answers()
    expect(taken.writesRest()).toBe(true)
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test('with TLS 1.2 and AES-GCM is served again: no nonce is used twice', async () => {
    const taken = await written({ maxVersion: 'TLSv1.2' })
    for (let request = 0; request < 2; request++) await taken.answers()
    expect(taken.writesRest()).toBe(true)
    expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
    await taken.isServed()
  })

  test.each<[string, object]>([
    ['behind its secrets', { progress: [0, 0, 0, 0, 0] }],
    ['no numbers', { progress: ['a'] }],
    ['absent', { progress: undefined }],
  ])('is closed if its numbers are %s', async (_, change) => {
    const taken = await written()
    await taken.answers()
    expect(taken.writesRest(change)).toBe(true)
    expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
    await until('it ends', () => taken.client.socket.destroyed)
  })
})

test('a new process of an earlier release reports what cannot change, too: only the numbers count', async () => {
  const taken = await Taken.one()
  await taken.answers()
  taken.reportsRest({ cipher: 'TLS_NULL', servername: 'another', peer: ['AAAA'] })
  expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
  await taken.isServed()
  const [socket] = taken.old.sockets.slice(-1)
  expect(socket).toMatchObject({ authorized: false, servername: false })
  expect(socket?.getCipher()).toEqual(taken.client.socket.getCipher())
})

test('one that moved here goes on here if the next process dies before it acks', async () => {
  const place = openPlace()
  const first = await serveSecurely(place)
  const client = await SecureClient.connect(first.server)
  await client.ask()
  const second = await serveSecurely(place)
  await hasConnections(second, 1)
  const { pid } = second.generation.system
  expect(await client.ask()).toBe(`${pid} 0`)
  const peer = place.newPeer()
  const { listeners } = await peer.receive()
  const [key = ''] = listeners.map((listener) => listener.key)
  peer.say({ type: 'ready', claimed: [key], takes: { [key]: ['http'] } })
  await peer.hear('committed')
  expect((await peer.hear('connections')).items).toHaveLength(1)
  peer.die()
  await second.generation.told('taken-back')
  expect(await client.ask('/30000')).toBe(`${pid} 0${'x'.repeat(30_000)}`)
  expect(second.sockets).toHaveLength(1)
})

test.each<[string, number[]]>([
  ['behind its secrets', [0, 0, 0, 0, 0]],
  ['that no connection can reach', [2 ** 52, 1, 2 ** 52, 1, 0]],
  ['that take long to follow', [33, 1, 33, 1, 0]],
])('a connection with numbers %s is closed', async (_, progress) => {
  const taken = await Taken.one()
  await taken.answers()
  taken.reportsRest({ progress })
  expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
  await until('it ends', () => taken.client.socket.destroyed)
})

test('a connection of TLS 1.2 with a KeyUpdate, which it cannot have, is closed', async () => {
  const taken = await Taken.one({ maxVersion: 'TLSv1.2' })
  await taken.answers()
  const [, ...others] = taken.progress
  taken.reportsRest({ progress: [1, ...others] })
  expect(await taken.dies()).toEqual({ back: 0, closed: 1 })
  await until('it ends', () => taken.client.socket.destroyed)
})

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('with %s, a connection comes back', (maxVersion) => {
  test.each<[string, (right: TlsProgress) => number[], RegExp]>([
    [
      'read',
      ([a, read, b, written, owes]) => [a, read + 1, b, written, owes],
      /ALERT_BAD_RECORD_MAC/,
    ],
    [
      'written',
      ([a, read, b, written, owes]) => [a, read, b, written + 1, owes],
      /BAD_RECORD_MAC|CIPHER_OPERATION/,
    ],
  ])(
    'with a wrong number of records %s: it fails, and nothing is heard',
    async (_, spoil, error) => {
      const taken = await Taken.one({ maxVersion })
      await taken.answers()
      taken.reportsRest({ progress: spoil(taken.progress) })
      expect(await taken.dies()).toEqual({ back: 1, closed: 0 })
      const { client } = taken
      client.heard = ''
      client.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await until('it fails', () => client.errors.length > 0)
      expect(client.errors[0]).toMatchObject({ code: expect.stringMatching(error) })
      expect(client.heard).toBe('')
    },
  )
})

test.each<[string, object]>([
  ['no numbers', { progress: ['a'] }],
  ['too few', { progress: [1, 2] }],
  ['none', { progress: undefined }],
])('a rest with %s breaks the protocol: the new process has the listeners', async (_, change) => {
  const taken = await Taken.one()
  await taken.answers()
  taken.reportsRest(change)
  await taken.old.generation.exit()
})
