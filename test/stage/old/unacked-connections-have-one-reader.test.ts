// Connections that were sent and not acked: no process serves them here while the new one can still read them.

import { readSync } from 'node:fs'
import net, { type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { MovableKind } from '../../../packages/handoff/src/connections/kinds.ts'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { connect, whereIs } from '../support/clients.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { turns } from '../support/scripted-server.ts'
import { Client } from '../support/taken.ts'

const question = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'

/** Starts an old process, and returns a server of it. */
const serves: Record<'http' | 'raw', (place: Place, options: HandoffOptions) => Promise<Serving>> =
  {
    async http(place, options) {
      const { generation, server } = await place.serve(options)
      return { old: generation, server }
    },
    async raw(place, options) {
      const old = await place.start(options)
      const server = old.own(
        net.createServer((socket) => socket.on('data', () => socket.write('an answer\r\n\r\n'))),
      )
      old.handoff.moveConnections(server, { atRest: () => true })
      await old.handoff.listen(server, { host: '127.0.0.1', port: 0 })
      await old.handoff.ready()
      return { old, server }
    },
  }

interface Serving {
  old: Generation
  server: Server
}

interface Unacked extends Serving {
  client: Client
  peer: NewPeer
  /** The new process's descriptor of the connection. */
  fd: number
}

/** A connection that a new process by hand was sent, and has not acked. The old process drains. */
async function unacked(kind: 'http' | 'raw', options: HandoffOptions = {}): Promise<Unacked> {
  const place = openPlace()
  const serving = await serves[kind](place, { drainTimeoutMs: 1_000, ...options })
  const { server } = serving
  const client = new Client(await connect(whereIs(server)))
  // In a ramp a connection without a request stays: its client is about to speak.
  client.socket.write(question)
  await client.hears('\r\n\r\n')
  client.heard = ''
  const peer = await takeUnacked(place, kind, options.rampMs === undefined ? [] : ['ramp'])
  return { ...serving, client, peer, fd: peer.descriptors.at(-1) as number }
}

async function takeUnacked(place: Place, kind: MovableKind, accepts: string[]): Promise<NewPeer> {
  const peer = place.newPeer()
  peer.accepts.push('mark', ...accepts)
  const { listeners } = await peer.receive()
  const [key = ''] = listeners.map((listener) => listener.key)
  peer.say({ type: 'ready', claimed: [key], takes: { [key]: [kind] } })
  await peer.hear('committed')
  peer.leave('serves')
  await peer.hear('connections')
  return peer
}

/** Reads from the connection as the new process. Returns how many bytes; 0 at its end, undefined if none is there. */
function readAsNew(fd: number): number | undefined {
  try {
    return readSync(fd, Buffer.alloc(1_000))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

/** The new process sends what it may not send at this moment. */
async function breaksTheProtocol({ peer, old }: Unacked): Promise<void> {
  peer.say({ type: 'ack', received: 99 })
  await turns(10)
  // What the old process sends from now on would be ignored: it drains on for its clients.
  expect(old.system.exits).toEqual([])
}

describe.each(['http', 'raw'] as const)('%s, at the drain deadline', (kind) => {
  test('it ends for both processes, and counts as forced', async () => {
    const { old, client, peer, fd } = await unacked(kind)
    client.socket.write(question)
    old.system.advance(1_000)
    await until('its client reads the end', () => client.ended)
    expect(client.heard).toBe('')
    expect(await peer.hear('drained')).toMatchObject({ drained: 0, handedOver: 0, forced: 1 })
    const { counts, fates } = await old.told('drained')
    expect(counts).toMatchObject({ drained: 0, handedOver: 0, forced: 1 })
    expect(fates.forced).toEqual({ [kind]: 1 })
    // The new process finds what the client has sent, at most, and then the end.
    while (readAsNew(fd) !== 0);
    client.socket.destroy()
  })

  test('an ack that comes after it is none that breaks the protocol', async () => {
    const { old, client, peer } = await unacked(kind)
    old.system.advance(1_000)
    await peer.hear('drained')
    peer.say({ type: 'adopted', received: 1 })
    peer.say({ type: 'ended', numbers: [0] })
    await turns(10)
    expect(old.handoff.metrics().stage).toBe('drain')
    expect(old.system.exits).toEqual([])
    // It is on probation still, and can take back.
    peer.die()
    expect(await old.told('taken-back')).toMatchObject({ connections: { back: 0, closed: 0 } })
    client.socket.destroy()
  })

  test('an ack that comes when the process leaves changes nothing', async () => {
    const { old, client, peer } = await unacked(kind)
    old.system.advance(1_000)
    await peer.hear('drained')
    peer.say({ type: 'release' })
    peer.say({ type: 'adopted', received: 1 })
    expect(await old.exit()).toBe(0)
    expect(old.all('warning')).toEqual([])
    client.socket.destroy()
  })
})

describe.runIf(hasProc).each(['http', 'raw'] as const)('%s, after a breach', (kind) => {
  test('it is not served while the new process lives, and is once that has ended', async () => {
    const committed = await unacked(kind, { drainTimeoutMs: 60_000 })
    const { client, peer, old } = committed
    await breaksTheProtocol(committed)
    client.socket.write(question)
    await turns(20)
    expect(client.heard).toBe('')
    expect(old.all('drained')).toEqual([])
    peer.die()
    await client.hears('\r\n\r\n')
    client.socket.destroy()
  })

  test('it is closed at the end of the new process if that has read from it', async () => {
    const committed = await unacked(kind, { drainTimeoutMs: 60_000 })
    const { client, peer, old, fd } = committed
    await breaksTheProtocol(committed)
    // Acked, but no longer heard.
    peer.say({ type: 'adopted', received: 1 })
    client.socket.write(question)
    await until('it is read', () => readAsNew(fd) !== undefined)
    peer.die()
    await until('its client reads the end', () => client.ended || client.socket.destroyed)
    expect(client.heard).toBe('')
    expect(await old.told('drained')).toMatchObject({ counts: { closed: 1, forced: 0 } })
    expect(await old.exit()).toBe(0)
    client.socket.destroy()
  })

  test('it ends at the drain deadline if the new process lives on', async () => {
    const committed = await unacked(kind)
    const { client, old } = committed
    await breaksTheProtocol(committed)
    old.system.advance(1_000)
    await until('its client reads the end', () => client.ended)
    expect(await old.told('drained')).toMatchObject({ counts: { closed: 0, forced: 1 } })
    expect(await old.exit()).toBe(0)
    client.socket.destroy()
  })

  test('in a ramp, too', async () => {
    const committed = await unacked(kind, { rampMs: 60_000 })
    const { client, old } = committed
    expect(old.handoff.metrics().stage).toBe('ramp')
    await breaksTheProtocol(committed)
    client.socket.write(question)
    await turns(20)
    expect(client.heard).toBe('')
    old.system.advance(1_000)
    await until('its client reads the end', () => client.ended)
    expect(await old.exit()).toBe(0)
    client.socket.destroy()
  })
})
