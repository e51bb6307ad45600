// After the commit: while it is on probation or drains, the old process can accept again at once.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { ask, connect, whereIs } from '../support/clients.ts'
import { inDrain, inGuard, inLinger } from '../support/committed.ts'
import { openPlace } from '../support/place.ts'
import { listeningInode } from '../support/sockets.ts'

/** The states between commit and exit, each with a new process that can still die. */
const states = [
  ['drain, with a request in flight', inDrain],
  ['guard, drained and on probation', inGuard],
  ['linger, past its probation with a request in flight', inLinger],
] as const

describe.each(states)('in %s', (_, commit) => {
  test('the death of the new process: it serves again, and who waited in the queue is served', async () => {
    const { old, server, peer, request } = await commit()
    const { listeners } = old.handoff.metrics()
    const queued = Array.from({ length: 5 }, () => ask(whereIs(server)))
    peer.die()
    const told = await old.told('taken-back')
    expect(told).toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE', listeners })
    expect(await Promise.all(queued)).toEqual(queued.map(() => String(old.system.pid)))
    expect(old.handoff.metrics()).toMatchObject({ stage: 'serving', handoffs: { takenBack: 1 } })

    // Nothing of the probation is left: time passes, and it goes on serving.
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    old.system.advance(60_000)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.system.exits).toEqual([])
  })

  test('the new process gives up: it serves again', async () => {
    const { old, server, peer } = await commit()
    peer.say({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT', reason: 'cannot take over: no commit' })
    expect(await old.told('taken-back')).toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('after a take-back the next handoff succeeds, again and again', async () => {
    const { place, old, server, peer } = await commit()
    const where = whereIs(server)
    peer.die()
    await old.told('taken-back')
    const inode = listeningInode(server)
    for (const count of [2, 3]) {
      const next = place.newPeer()
      await next.takeOver()
      const from = old.events.length
      next.die()
      await old.told('taken-back', from)
      expect(old.all('taken-back')).toHaveLength(count)
      expect(await ask(where)).toBe(String(old.system.pid))
    }
    const { generation: successor, server: last } = await place.serve()
    expect(listeningInode(last)).toBe(inode)
    expect(await ask(where)).toBe(String(successor.system.pid))
  })

  test('the new process has a successor: it is let go, and does not take back', async () => {
    const { old, peer, request } = await commit()
    peer.say({ type: 'release' })
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
  })

  test('the new process breaks the protocol: it lives and serves, so it keeps the listeners', async () => {
    const { old, server, peer, request } = await commit()
    const where = whereIs(server)
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    await old.reaches(request === undefined ? 'exit' : 'drain')
    const queued = await connect(where) // Into the queue that the new process still holds.
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    // Its end of the channel is open: as long as it is, the new process knows that it lives.
    expect(peer.over).toBe(false)
    expect(old.all('taken-back')).toEqual([])
    expect(queued.destroyed).toBe(false)
    queued.destroy()
  })

  test('it is told to stop: it finishes, leaves the listeners to the new process, and exits', async () => {
    const { place, old, peer, request } = await commit()
    void old.handoff.stop()
    peer.die()
    request?.finish()
    expect(await request?.answer).toBe(request && 'whole')
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
    expect(existsSync(place.rendezvous)).toBe(true)
  })
})

test('one that is released only drains: a stop changes nothing, and it leaves with its last request', async () => {
  const { old, peer, request } = await inDrain()
  peer.say({ type: 'release' })
  await until('it has let go', () => old.handoff.metrics().listeners.length === 0)
  void old.handoff.stop()
  old.system.advance(10_000)
  expect(old.system.exits).toEqual([])
  request?.finish()
  expect(await request?.answer).toBe('whole')
  expect(await old.exit()).toBe(0)
  void old.handoff.stop()
  expect(old.system.exits).toEqual([0])
})

describe('probation', () => {
  test('ends after its time: the old process is gone, and has told its counts before', async () => {
    const { old, peer, place, server } = await inGuard()
    const where = whereIs(server)
    expect(await peer.hear('drained')).toMatchObject({ drained: 0, handedOver: 0, forced: 0 })
    old.system.advance(4_999)
    expect(old.handoff.metrics().stage).toBe('drain')
    old.system.advance(1)
    expect(await old.exit()).toBe(0)
    expect(existsSync(place.rendezvous)).toBe(true)
    const queued = await connect(where)
    queued.destroy()
  })

  test('is over when the next generation commits, without waiting for it', async () => {
    const place = openPlace()
    const { generation: first } = await place.serve()
    const { generation: second } = await place.serve()
    await first.told('drained')
    expect(first.system.exits).toEqual([])
    const { generation: third, server } = await place.serve()
    expect(await first.exit()).toBe(0)
    expect(second.handoff.metrics().stage).toBe('drain')
    expect(await ask(whereIs(server))).toBe(String(third.system.pid))
  })

  test('an older generation that still drains goes on with it, and stops no handoff', async () => {
    const place = openPlace()
    const { generation: old, server: busy } = await place.serve()
    const request = await old.inFlight(whereIs(busy))
    await place.serve()
    const { generation: third, server } = await place.serve()
    expect(old.handoff.metrics()).toMatchObject({ stage: 'drain', connections: 1 })
    request.finish()
    expect(await request.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
    expect(await ask(whereIs(server))).toBe(String(third.system.pid))
  })

  test('of 0 ms is none', async () => {
    const { old, server } = await inGuard({ probationMs: 0 })
    const where = whereIs(server)
    old.system.advance(0)
    expect(await old.exit()).toBe(0)
    const queued = await connect(where)
    queued.destroy()
  })

  test('begins anew with each commit', async () => {
    const { place, old, peer } = await inGuard()
    old.system.advance(3_000)
    peer.die()
    await old.told('taken-back')
    const from = old.events.length
    const second = place.newPeer()
    await second.takeOver()
    await old.told('drained', from)
    old.system.advance(4_999)
    expect(old.handoff.metrics().stage).toBe('drain')
    old.system.advance(1)
    expect(await old.exit()).toBe(0)
  })

  test('a death after its end is a death: nobody takes back', async () => {
    const { old, peer } = await inGuard()
    old.system.advance(5_000)
    await old.exit()
    peer.die()
    await old.exit()
    expect(old.all('taken-back')).toEqual([])
    expect(old.system.exits).toEqual([0])
  })
})

test('a new process that cannot accept after all ends, so that the old one takes back', async () => {
  const place = openPlace()
  await place.serve()
  const next = await place.start()
  const waiting = await next.listen({ host: '127.0.0.1', port: 0 })
  // As if the process were at its limit on open files just at the commit.
  Object.defineProperty(waiting, '_listen2', {
    value: () => process.nextTick(() => waiting.emit('error', new Error('EMFILE'))),
  })
  await expect(next.handoff.ready()).rejects.toMatchObject({ code: 'ERR_HANDOFF_LISTEN_FAILED' })
  expect(next.system.exits).toEqual([1])
  expect(next.all('serving')).toEqual([])
  expect(next.all('aborted')).toMatchObject([{ code: 'ERR_HANDOFF_LISTEN_FAILED', serving: 'old' }])
})
