// The old process has committed and accepts still: this one serves, reports its pace, and has no successor yet.

import { describe, expect, test } from 'vitest'
import { ask, whereIs } from '../support/clients.ts'
import { begin, listener } from '../support/offers.ts'
import { openPlace, type Place } from '../support/place.ts'
import { turns } from '../support/scripted-server.ts'

/** Both processes are in this one: what was sent is read within a few turns of the event loop. */
const isRead = () => turns(10)

/** A process that serves, beside an old one by hand that accepts still. */
async function sharing(ramp = true) {
  const place = openPlace()
  const started = begin(place, { rampMs: 3_000 })
  const { old, next } = started
  const offer = listener()
  const peer = await old.send([offer, old.rendezvous])
  await started.started
  const server = await next.listen({ host: '127.0.0.1', port: offer.entry.port })
  const ready = next.handoff.ready()
  await peer.hear('ready')
  old.shut()
  peer.say({ type: 'committed', ramp })
  await ready
  return { place, old, next, peer, server }
}

/** A peer that asks to take over. It says whether it was answered. */
function third(place: Place) {
  const peer = place.newPeer()
  peer.say({ type: 'hello', versions: [1], pid: 7 })
  return async () => {
    await isRead()
    return peer.heard('manifest') !== undefined
  }
}

test('it serves at once, and reports how late its event loop is: after 20 ms, then each 50 ms', async () => {
  const { next, peer, server } = await sharing()
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
  expect(next.handoff.metrics().stage).toBe('serving')
  next.system.loopDelay = { meanMs: 12.3456, mostMs: 40 }
  next.system.advance(20)
  expect(await peer.hear('pace')).toMatchObject({ meanUs: 12_346, mostUs: 40_000 })
  next.system.advance(49)
  await isRead()
  expect(peer.heard('pace')).toBeUndefined()
  next.system.loopDelay = { meanMs: 0, mostMs: 0 }
  next.system.advance(1)
  expect(await peer.hear('pace')).toMatchObject({ meanUs: 0, mostUs: 0 })
})

test('it says in its hello whether it wants a ramp', async () => {
  for (const rampMs of [0, 1]) {
    const { old } = begin(openPlace(), { rampMs })
    const { accepts } = await (await old.peer()).hear('hello')
    expect(accepts?.includes('ramp')).toBe(rampMs > 0)
  }
})

test('a peer waits until the old process accepts no more, and so do no reports', async () => {
  const { place, next, peer } = await sharing()
  const isAnswered = third(place)
  expect(await isAnswered()).toBe(false)
  peer.say({ type: 'ramped' })
  expect(await isAnswered()).toBe(true)
  next.system.advance(1_000)
  await isRead()
  expect(peer.heard('pace')).toBeUndefined()
  expect(next.system.loopMeters).toBe(0)
})

test('a peer waits until the old process is gone', async () => {
  const { place, old } = await sharing()
  const isAnswered = third(place)
  expect(await isAnswered()).toBe(false)
  old.die()
  expect(await isAnswered()).toBe(true)
})

test('without a ramp a peer is answered at once, and nothing is reported', async () => {
  const { place, next, peer } = await sharing(false)
  expect(await third(place)()).toBe(true)
  next.system.advance(1_000)
  await isRead()
  expect(peer.heard('pace')).toBeUndefined()
})

describe('in the ramp', () => {
  test('the old process breaks the protocol: it is let go, and a peer waits for its end', async () => {
    const { place, old, next, peer, server } = await sharing()
    peer.say({ type: 'hello', versions: [1], pid: 7 })
    await peer.hear('release')
    const isAnswered = third(place)
    expect(await isAnswered()).toBe(false)
    // It is not listened to any more.
    peer.say({ type: 'ramped' })
    expect(await isAnswered()).toBe(false)
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
    expect(next.system.loopMeters).toBe(0)
    old.die()
    expect(await isAnswered()).toBe(true)
  })

  test('it is stopped: the old process is let go, and this one leaves', async () => {
    const { next, peer } = await sharing()
    void next.handoff.stop()
    await peer.hear('release')
    // At its end the socket is gone.
    peer.say({ type: 'ramped' })
    expect(await next.exit()).toBe(0)
    expect(next.system.loopMeters).toBe(0)
  })

  test('it may be told to replace itself: its replacement waits', async () => {
    const { next } = await sharing()
    const restarted = next.handoff.restart()
    restarted.catch(() => {})
    expect(next.system.children).toHaveLength(1)
  })
})

test('an old process that does not end the ramp in time is reported, with what its end is needed for', async () => {
  const { next, peer } = await sharing()
  next.system.advance(12_999)
  expect(next.all('warning')).toEqual([])
  next.system.advance(1)
  const [{ message } = { message: '' }] = next.all('warning')
  expect(message).toMatch(
    /^the old process \(pid \d+\) has not ended its ramp after 13 s: it hangs/,
  )
  expect(message).toMatch(/The next handoff waits for that: `kill -9 \d+` ends it$/)
  peer.say({ type: 'ramped' })
  await isRead()
  next.system.advance(60_000)
  expect(next.all('warning')).toHaveLength(1)
})
