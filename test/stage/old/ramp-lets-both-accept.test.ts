// After the commit both processes accept, until the new one is as quick as this one was.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { ask, connect, whereIs } from '../support/clients.ts'
import { type Committed, inRamp } from '../support/committed.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace } from '../support/place.ts'
import { turns } from '../support/scripted-server.ts'
import { listeningInode } from '../support/sockets.ts'
import { Client } from '../support/taken.ts'

const quick = { type: 'pace', meanUs: 100, mostUs: 900 } as const
/** As many in a row as it takes. */
const enough = [quick, quick, quick, quick, quick]
const slow = { type: 'pace', meanUs: 20_000, mostUs: 60_000 } as const

/** Both processes are in this one: what was sent is read within a few turns of the event loop. */
const isRead = () => turns(10)

/** The new process reports its pace, and the old one has read that. */
async function paces(old: Generation, peer: NewPeer, ...reports: (typeof quick | typeof slow)[]) {
  for (const report of reports) peer.say(report)
  await isRead()
  expect(old.system.exits).toEqual([])
}

/** The new process accepts, as it says. */
async function serves({ peer }: Pick<Committed, 'peer'>): Promise<void> {
  peer.leave('serves')
  await isRead()
}

const stage = (old: Generation) => old.handoff.metrics().stage

/** Clients wait in a queue that the old process does not accept from. */
async function acceptsNoMore(committed: Committed): Promise<void> {
  const queued = await connect(whereIs(committed.server))
  await new Promise(setImmediate)
  expect(committed.old.handoff.metrics().connections).toBeLessThanOrEqual(1)
  queued.destroy()
}

describe('in the ramp', () => {
  test('this process accepts on, and reports how long at most', async () => {
    const { old, server, peer } = await inRamp()
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    const stages = old.all('stage').map(({ stage, rampMs }) => ({ stage, rampMs }))
    expect(stages.at(-1)).toEqual({ stage: 'ramp', rampMs: 3_000 })
    expect(old.handoff.metrics().handoffs).toMatchObject({ completed: 1 })
    expect(peer.heard('ramped')).toBeUndefined()
  })

  test('ends after five good reports in a row', async () => {
    const committed = await inRamp()
    const { old, peer } = committed
    await serves(committed)
    await paces(old, peer, ...enough.slice(1), slow, ...enough.slice(1))
    expect(stage(old)).toBe('ramp')
    await paces(old, peer, quick)
    await peer.hear('ramped')
    expect(stage(old)).toBe('drain')
    expect(old.system.loopMeters).toBe(0)
    await acceptsNoMore(committed)
    // A report that was on its way changes nothing.
    await paces(old, peer, quick)
  })

  test('goes on until the new process is quick with the connections that it got last', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs: 3_000 })
    const request = await old.inFlight(whereIs(server))
    const sockets = await Promise.all(Array.from({ length: 3 }, () => connect(whereIs(server))))
    const clients = sockets.map((socket) => new Client(socket))
    for (const { socket } of clients) socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    for (const client of clients) await client.hears(`\r\n\r\n${old.system.pid}`)
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    const { listeners } = await peer.receive()
    const key = listeners[0]?.key as string
    peer.say({ type: 'ready', claimed: [key], takes: { [key]: ['http'] } })
    await peer.hear('committed')
    expect((await peer.hear('connections')).items).toHaveLength(2)
    peer.say({ type: 'adopted', received: 2 })
    await paces(old, peer, quick, quick, quick)
    expect(peer.heard('connections')).toBeUndefined()
    await paces(old, peer, quick)
    expect((await peer.hear('connections')).items).toHaveLength(1)
    peer.say({ type: 'adopted', received: 3 })
    await paces(old, peer, ...enough.slice(1))
    expect(stage(old)).toBe('ramp')
    await paces(old, peer, quick)
    await peer.hear('ramped')
    request.finish()
    await request.answer
    for (const { socket } of clients) socket.destroy()
  })

  test('responses that take long do not prolong it', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs: 3_000 })
    const requests = []
    for (let i = 0; i < 9; i++) requests.push(await old.inFlight(whereIs(server)))
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    const { listeners } = await peer.receive()
    const key = listeners[0]?.key as string
    peer.say({ type: 'ready', claimed: [key], takes: { [key]: ['http'] } })
    await peer.hear('committed')
    await paces(old, peer, ...enough)
    await peer.hear('ramped')
    for (const request of requests) request.finish()
    for (const request of requests) expect(await request.answer).toBe('whole')
  })

  test('is as patient as this process was slow', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs: 3_000 })
    old.system.loopDelay = { meanMs: 14, mostMs: 30 }
    const request = await old.inFlight(whereIs(server))
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    await peer.takeOver()
    await paces(old, peer, slow, slow, slow, slow, slow)
    await peer.hear('ramped')
    request.finish()
    await request.answer
  })

  test('ends at its latest end although the new process is slow', async () => {
    const committed = await inRamp({ rampMs: 1_000 })
    const { old, peer } = committed
    await serves(committed)
    old.system.advance(999)
    await paces(old, peer, slow)
    expect(stage(old)).toBe('ramp')
    old.system.advance(1)
    await peer.hear('ramped')
    expect(stage(old)).toBe('drain')
  })

  test('does not end while the new process says nothing', async () => {
    const committed = await inRamp({ rampMs: 1_000 })
    const { old, peer, server } = committed
    await serves(committed)
    await paces(old, peer, quick)
    old.system.advance(60_000)
    expect(stage(old)).toBe('ramp')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    await paces(old, peer, slow)
    await peer.hear('ramped')
    await acceptsNoMore(committed)
  })

  test('does not end before the new process accepts', async () => {
    const committed = await inRamp()
    const { old, peer } = committed
    await paces(old, peer, ...enough)
    expect(stage(old)).toBe('ramp')
    await serves(committed)
    await paces(old, peer, quick)
    await peer.hear('ramped')
  })

  test('without load it ends with the first report', async () => {
    const place = openPlace()
    const { generation: old } = await place.serve({ rampMs: 3_000 })
    const peer = place.newPeer()
    peer.accepts.push('ramp', 'mark')
    await peer.takeOver()
    expect(stage(old)).toBe('ramp')
    await serves({ peer })
    expect(stage(old)).toBe('ramp')
    await paces(old, peer, slow)
    await peer.hear('ramped')
    await peer.hear('drained')
  })

  test('connections that come and go do not count as drained', async () => {
    const committed = await inRamp()
    const { old, peer, server, request } = committed
    for (let i = 0; i < 3; i++) await ask(whereIs(server))
    await serves(committed)
    await paces(old, peer, ...enough)
    request?.finish()
    expect((await old.told('drained')).counts).toMatchObject({ drained: 1, handedOver: 0 })
  })

  test('probation begins anew at its end', async () => {
    const committed = await inRamp({ rampMs: 10_000 })
    const { old, peer, request } = committed
    await serves(committed)
    old.system.advance(9_000)
    await paces(old, peer, ...enough)
    request?.finish()
    await old.told('drained')
    old.system.advance(4_999)
    expect(old.system.exits).toEqual([])
    old.system.advance(1)
    expect(await old.exit()).toBe(0)
  })

  test('no peer is answered', async () => {
    const { place } = await inRamp()
    const third = place.newPeer()
    third.say({ type: 'hello', versions: [1], pid: 7 })
    await isRead()
    expect(third.heard('manifest')).toBeUndefined()
    expect(third.over).toBe(false)
  })
})

describe('in the ramp, this process has never stopped:', () => {
  test('the death of the new process costs no client anything', async () => {
    const { place, old, server, peer, request } = await inRamp()
    const inode = listeningInode(server)
    const asked = Array.from({ length: 5 }, () => ask(whereIs(server)))
    peer.die()
    asked.push(...Array.from({ length: 5 }, () => ask(whereIs(server))))
    expect(await old.told('taken-back')).toMatchObject({ stage: 'ramp' })
    expect(new Set(await Promise.all(asked))).toEqual(new Set([String(old.system.pid)]))
    expect(listeningInode(server)).toBe(inode)
    expect(old.handoff.metrics()).toMatchObject({ stage: 'serving', handoffs: { takenBack: 1 } })
    expect(old.system.loopMeters).toBe(0)
    old.system.advance(60_000)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    request?.finish()
    expect(await request?.answer).toBe('whole')
    // The next handoff has a ramp as well.
    const { generation: next } = await place.serve({ rampMs: 3_000 })
    expect(old.all('stage').filter(({ stage }) => stage === 'ramp')).toHaveLength(2)
    expect(next.handoff.metrics().stage).toBe('serving')
  })

  test('connections that went over at rest are served again', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs: 3_000 })
    const clients = [
      new Client(await connect(whereIs(server))),
      new Client(await connect(whereIs(server))),
    ]
    const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
    for (const { socket } of clients) socket.write(request)
    for (const client of clients) await client.hears(`\r\n\r\n${old.system.pid}`)
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    const { listeners } = await peer.receive()
    const key = listeners[0]?.key as string
    peer.say({ type: 'ready', claimed: [key], takes: { [key]: ['http'] } })
    await peer.hear('committed')
    expect((await peer.hear('connections')).items).toHaveLength(2)
    peer.say({ type: 'adopted', received: 2 })
    await isRead()
    peer.die()
    const { connections, fates } = await old.told('taken-back')
    expect(connections).toEqual({ back: 2, closed: 0 })
    expect(fates.handedOver).toEqual({ http: 2 })
    for (const { socket } of clients) socket.write(request)
    const twice = new RegExp(`(\\r\\n\\r\\n${old.system.pid}[^]*){2}`)
    for (const client of clients) await until('it is served', () => twice.test(client.heard))
    for (const { socket } of clients) socket.destroy()
  })

  test('the new process gives up', async () => {
    const { old, server, peer } = await inRamp()
    peer.say({ type: 'abort', code: 'ERR_HANDOFF_LISTEN_FAILED', reason: 'cannot listen' })
    expect(await old.told('taken-back')).toMatchObject({ code: 'ERR_HANDOFF_LISTEN_FAILED' })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('what the new process does not use is closed at once, and bound again', async () => {
    const place = openPlace()
    const where = { host: '127.0.0.1', port: 0 }
    const { generation: old, servers } = await place.serve({ rampMs: 3_000 }, where, {
      path: place.path('app.sock'),
    })
    const [kept, dropped] = servers.map(whereIs) as [ReturnType<typeof whereIs>, { path: string }]
    const peer = place.newPeer()
    peer.accepts.push('ramp', 'mark')
    const { listeners } = await peer.receive()
    const claimed = [listeners[0]?.key as string]
    peer.say({ type: 'ready', claimed, takes: {} })
    expect(await peer.hear('committed')).toMatchObject({ ramp: true })
    expect(await ask(kept)).toBe(String(old.system.pid))
    await expect(ask(dropped)).rejects.toMatchObject({ code: 'ENOENT' })
    peer.die()
    await old.told('taken-back')
    expect(await ask(kept)).toBe(String(old.system.pid))
    expect(await ask(dropped)).toBe(String(old.system.pid))
  })
})

describe('the ramp ends early', () => {
  test('if the new process stops: this one accepts no more, and finishes', async () => {
    const committed = await inRamp()
    const { old, peer, request } = committed
    await serves(committed)
    peer.leave('released')
    peer.say({ type: 'release' })
    await peer.hear('ramped')
    expect(old.handoff.metrics().listeners).toEqual([])
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
  })

  test('if this process is stopped', async () => {
    const { place, old, peer, request } = await inRamp()
    void old.handoff.stop()
    await peer.hear('ramped')
    request?.finish()
    expect(await request?.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
    expect(existsSync(place.rendezvous)).toBe(true)
  })

  test('if the new process breaks the protocol: it lives, and keeps the listeners', async () => {
    const { old, peer, request } = await inRamp()
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    await until('it has let go', () => old.handoff.metrics().listeners.length === 0)
    request?.finish()
    expect(await request?.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
    expect(peer.over).toBe(false)
    expect(old.all('taken-back')).toEqual([])
  })
})

describe('there is no ramp', () => {
  async function commit(old: Generation, peer: NewPeer): Promise<string | undefined> {
    const { listeners } = await peer.receive()
    const keys = listeners.map(({ key }) => key).filter((key) => key !== 'rendezvous')
    peer.say({ type: 'ready', claimed: keys, takes: {} })
    expect(await peer.hear('committed')).not.toHaveProperty('ramp')
    expect(old.all('stage').map(({ stage }) => stage)).not.toContain('ramp')
    return old.all('stage').at(-1)?.detail
  }

  test.each([
    ['the new process knows none', 3_000, [], '; no ramp: the new process knows or wants none'],
    ['this process wants none', 0, ['ramp'], ''],
  ])('if %s', async (_, rampMs, accepts, why) => {
    const place = openPlace()
    const { generation: old } = await place.serve({ rampMs })
    const peer = place.newPeer()
    peer.accepts.push(...accepts)
    expect(await commit(old, peer)).toBe(`0 connections to finish${why}`)
  })

  test('if a state is exported at the commit; one of the start does not matter', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs: 3_000 })
    const state = { export: () => 1, import: () => {} }
    old.handoff.state('early', { ...state, when: 'start' })
    const undo = old.handoff.state('late', state)
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    expect(await commit(old, peer)).toContain('no ramp: the state "late" is exported at the commit')
    peer.die()
    await old.told('taken-back')
    undo()
    const second = place.newPeer()
    second.accepts.push('ramp')
    await second.takeOver()
    expect(stage(old)).toBe('ramp')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('if this process has a datagram socket', async () => {
    const place = openPlace()
    const old = await place.start({ rampMs: 3_000 })
    const socket = old.ownDatagram((await import('node:dgram')).createSocket('udp4'))
    await old.handoff.bind(socket, { address: '127.0.0.1', port: 0 })
    await old.handoff.ready()
    const peer = place.newPeer()
    peer.accepts.push('ramp')
    expect(await commit(old, peer)).toMatch(/no ramp: udp:127\.0\.0\.1:\d+ is a datagram socket$/)
  })
})

describe('handoff.restart()', () => {
  async function restartIn(rampMs: number) {
    const place = openPlace()
    const { generation: old, server } = await place.serve({ rampMs })
    const request = await old.inFlight(whereIs(server))
    const restarted = old.handoff.restart()
    restarted.catch(() => {})
    const peer = place.newPeer()
    peer.accepts.push('ramp', 'mark')
    await peer.takeOver()
    let isOver = false
    const over = () => {
      isOver = true
    }
    restarted.then(over, over)
    return { old, peer, request, restarted, isOver: () => isOver }
  }

  test('returns at the end of the ramp', async () => {
    const { old, peer, restarted, isOver } = await restartIn(3_000)
    await serves({ peer })
    await paces(old, peer, ...enough.slice(1))
    expect(isOver()).toBe(false)
    await paces(old, peer, quick)
    await restarted
  })

  test('rejects if the new process dies in the ramp', async () => {
    const { peer, restarted, isOver } = await restartIn(3_000)
    expect(isOver()).toBe(false)
    peer.die()
    await expect(restarted).rejects.toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE' })
  })
})
