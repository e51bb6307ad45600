// TLS: sessions go on in new connections, and nothing of TLS is ever taken for clear text.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server } from 'node:net'
import tls from 'node:tls'
import { describe, expect, test } from 'vitest'
import { ServerGate } from '../../../packages/handoff/src/connections/gate/server-gate.ts'
import { OptIns } from '../../../packages/handoff/src/connections/opt-ins.ts'
import { FateCounter } from '../../../packages/handoff/src/connections/tracking/fate-counter.ts'
import { type Visit, visit } from '../../support/tls-visit.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))
const identity = { key: read('key.pem'), cert: read('certificate.pem') }

type Maker = (options?: tls.TlsOptions) => tls.Server

const servers: [string, Maker][] = [
  ['https', (options) => https.createServer({ ...identity, ...options }, (_, r) => r.end('hi'))],
  ['http2', (options) => http2.createSecureServer({ ...identity, ...options }) as tls.Server],
  ['tls', (options) => tls.createServer({ ...identity, ...options }, (s) => s.end('hi'))],
]

async function serve(place: Place, make: Maker, options?: tls.TlsOptions) {
  const generation = await place.start()
  const server = generation.own(make(options))
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket) => socket.on('error', () => {}))
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server }
}

function visitServer(server: Server, version: tls.SecureVersion, session?: Buffer): Promise<Visit> {
  return visit((server.address() as AddressInfo).port, version, session)
}

describe.each(servers)('%s', (name, make) => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'with %s a client of the first generation resumes on each of the next three',
    async (version) => {
      const place = openPlace()
      const { server: first } = await serve(place, make)
      let { reused, session } = await visitServer(first, version)
      expect(reused).toBe(false)
      for (let count = 0; count < 3; count++) {
        const { server, generation } = await serve(place, make)
        ;({ reused, session } = await visitServer(server, version, session))
        expect(reused, `generation ${generation.handoff.generation}`).toBe(true)
      }
    },
  )

  test('no connection of it can change process if the application forbids it', async () => {
    const place = openPlace()
    const { generation, server } = await serve(place, make)
    const gate = new ServerGate(server, 1, generation.system, new OptIns(() => {}, 'close'), {
      fates: new FateCounter(),
      onClose: () => {},
      onEmpty: () => {},
      onQuiescent: () => {},
      onWarning: () => {},
    })
    expect(gate.connections.movers).toEqual([])
    gate.detach()
  })

  test.each(['http', 'raw', 'websocket'])(
    'a descriptor that comes as %s without secrets is refused, and nothing is ever said on it',
    async (kind) => {
      const place = openPlace()
      const old = place.oldPeer()
      const listener = net.createServer().listen(0, '127.0.0.1')
      await once(listener, 'listening')
      const { port } = listener.address() as AddressInfo
      const key = `tcp:127.0.0.1:${port}`
      const fd = (listener as unknown as { _handle: { fd: number } })._handle.fd
      const entry = { key, protocol: 'tcp', address: '127.0.0.1', port, ipv6Only: false } as const

      const next = place.generation()
      const started = next.handoff.start()
      const peer = await old.send([{ entry, fd }, old.rendezvous])
      await started
      const server = next.own(make())
      await next.handoff.listen(server, { host: '127.0.0.1', port })
      const ready = next.handoff.ready()
      expect((await peer.hear('ready')).takes).toEqual({ [key]: name === 'https' ? ['http'] : [] })
      peer.say({ type: 'committed' })
      await ready

      let connections = 0
      server.on('connection', () => connections++)
      const [client, stays] = await pairOfSockets()
      const items = [{ idleMs: 0 }]
      peer.say({ type: 'connections', key, kind, items }, [descriptorOf(stays)])
      await peer.hear('adopted')
      await peer.hear('release') // The old process broke the protocol.
      expect(connections).toBe(0)
      stays.destroy()
      client.resume() // The only other holder of its peer would be the server.
      await once(client, 'close')
      expect(client.bytesRead).toBe(0)
      listener.close()
    },
  )
})

async function pairOfSockets(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  server.close()
  return [client, socket]
}

function descriptorOf(socket: net.Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}

describe('the keys', () => {
  const make = servers[0]?.[1] as Maker
  const told = ({ events, system }: Generation) => JSON.stringify([events, system.warnings])

  test('belong to a listener: each of two servers keeps its own', async () => {
    const place = openPlace()
    const keys: string[][] = []
    for (let count = 0; count < 3; count++) {
      const generation = await place.start()
      const both = ['a', 'b'].map((name) => ({
        name,
        server: generation.own(make()) as tls.Server,
      }))
      for (const { name, server } of both) {
        await generation.handoff.listen(server, { host: '127.0.0.1', port: 0, name })
      }
      await generation.handoff.ready()
      keys.push(both.map(({ server }) => server.getTicketKeys().toString('hex')))
    }
    expect(new Set(keys.flat()).size).toBe(2)
    expect(keys[1]).toEqual(keys[0])
    expect(keys[2]).toEqual(keys[0])
  })

  test('that the application chose itself stay as they are', async () => {
    const place = openPlace()
    await serve(place, make)
    const ticketKeys = Buffer.alloc(48, 7)
    const { server } = await serve(place, make, { ticketKeys })
    expect(server.getTicketKeys()).toEqual(ticketKeys)
  })

  test('that the application rotated since are those that go over', async () => {
    const place = openPlace()
    const { server: old } = await serve(place, make)
    old.setTicketKeys(Buffer.alloc(48, 9))
    const { server } = await serve(place, make)
    expect(server.getTicketKeys()).toEqual(Buffer.alloc(48, 9))
  })

  test('are told to nobody else', async () => {
    const place = openPlace()
    const { generation: old, server } = await serve(place, make)
    const { generation: next } = await serve(place, make)
    const keys = server.getTicketKeys()
    for (const text of [told(old), told(next)]) {
      expect(text).toContain('serving')
      for (const part of [keys, keys.subarray(0, 16), keys.subarray(16, 32), keys.subarray(32)]) {
        expect(text).not.toContain(part.toString('base64').replace(/=+$/, ''))
        expect(text).not.toContain(part.toString('hex'))
      }
    }
  })

  test.each<[string, unknown]>([
    ['of another length', { 'tcp:127.0.0.1:0#1': 'c2VjcmV0' }],
    ['that are none', { 'tcp:127.0.0.1:0#1': 7 }],
    ['of no listener', 'c2VjcmV0'],
  ])('%s abort the handoff, and do not stand in the error', async (_, value) => {
    const place = openPlace()
    const old = place.oldPeer()
    const next = place.generation()
    const started = next.handoff.start()
    const peer = await old.offer([old.rendezvous])
    const head = { key: 'handoff:ticket-keys', when: 'start', encoding: 'json' } as const
    peer.say({ type: 'state', ...head, value })
    await expect(started).rejects.toMatchObject({ code: 'ERR_HANDOFF_STATE' })
    expect(told(next)).not.toContain('c2VjcmV0')
  })
})
