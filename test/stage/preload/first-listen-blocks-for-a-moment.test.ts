// A program's first listen blocks its thread until the listeners have come; not for an old process that hangs.

import { chmodSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { ask, whereIs } from '../support/clients.ts'
import type { Generation } from '../support/place.ts'
import { openPlace } from '../support/place.ts'

/** Begins as the preload does. The old process is in this thread, and answers in a later turn. */
function startNow({ system, handoff }: Generation): Promise<void> | undefined {
  const { now } = system
  let calls = 0
  // The kernel waits in real time: for 10 ms, since nearly all of the time passes between two calls.
  system.now = () => now.call(system) + 1_990 * calls++
  try {
    return handoff.startNow()
  } finally {
    system.now = now
  }
}

test('an old process that answers later is taken over from in a later turn', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const next = place.generation()
  const started = startNow(next)
  expect(started).toBeInstanceOf(Promise)
  expect(next.handoff.metrics().stage).toMatch(/discover|receive/)
  await started
  const server = await next.listen({ host: '127.0.0.1', port: 0 })
  await next.handoff.ready()
  expect(next.handoff.generation).toBe(2)
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
  await old.reaches('drain')
})

test('one that never answers is given up at the ready timeout, as ever', async () => {
  const place = openPlace()
  const peer = place.oldPeer()
  const next = place.generation({ readyTimeoutMs: 60_000 })
  const started = startNow(next)
  next.system.advance(59_999)
  expect(next.handoff.metrics().stage).toMatch(/discover|receive/)
  next.system.advance(1)
  await expect(started).rejects.toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
  peer.die()
})

test('one that ends meanwhile leaves the new process on its own', async () => {
  const place = openPlace()
  const peer = place.oldPeer()
  const next = place.generation()
  const started = startNow(next)
  peer.die()
  await started
  await until('it is the first', () => next.handoff.generation === 1)
})

test('no old process: nothing is waited for', async () => {
  const next = openPlace().generation()
  expect(next.handoff.startNow()).toBeUndefined()
  expect(next.handoff.generation).toBe(1)
})

test('a start that fails at once throws: the program gets the error from its first listen', async () => {
  const place = openPlace()
  const peer = place.oldPeer()
  const directory = dirname(place.path('rendezvous.sock'))
  // Anybody could have put the socket there.
  chmodSync(directory, 0o777)
  const next = place.generation()
  expect(() => next.handoff.startNow()).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_RENDEZVOUS_UNSAFE' }),
  )
  chmodSync(directory, 0o700)
  peer.die()
})
