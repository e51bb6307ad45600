// The application closes its own server, at any moment: nobody is left in a queue that nobody reads.

import type { Server } from 'node:net'
import { expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'
import { ask, type Where, whereIs } from './clients.ts'
import { openPlace } from './place.ts'
import { watch, watched } from './watched.ts'

const closing = (server: Server) => new Promise((resolve) => server.close(resolve))

/** Nobody may be left in a queue that no process reads. */
async function refuses(where: Where): Promise<void> {
  await expect(ask(where)).rejects.toMatchObject({
    code: expect.stringMatching(/ECONNREFUSED|ENOENT/),
  })
}

test.each(['TCP', 'Unix'])('while it serves: %s', async (kind) => {
  const place = openPlace()
  const generation = await place.start()
  const { server, events } = await watched(
    generation,
    kind === 'Unix' ? place.path('s') : undefined,
  )
  await generation.handoff.ready()
  const where = whereIs(server)
  expect(await closing(server)).toBeUndefined()
  await refuses(where)
  expect(events).toEqual(['listening', 'close'])
  expect(generation.handoff.metrics().listeners).toEqual([])
  expect(place.files).toEqual(['rendezvous.sock'])

  // What is not there is not on offer.
  const peer = place.newPeer()
  expect((await peer.receive()).listeners).toHaveLength(1)
})

test('a second time: an error, as of Node', async () => {
  const place = openPlace()
  const generation = await place.start()
  const { server } = await watched(generation)
  await closing(server)
  expect(await closing(server)).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' })
})

test.each(['TCP', 'Unix'])(
  'while it waits for its commit: the old one serves on %s',
  async (kind) => {
    const place = openPlace()
    const path = kind === 'Unix' ? place.path('s') : undefined
    const old = await place.start()
    const { server } = await watched(old, path)
    await old.handoff.ready()
    const next = await place.start()
    const waiting = await watched(next, path)
    expect(await closing(waiting.server)).toBeUndefined()
    expect(waiting.events).toEqual(['listening', 'close'])
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))

    // And it is then one that the new process does not use.
    await next.handoff.ready()
    await refuses(whereIs(server))
  },
)

test('while it is shut: what is in flight finishes before the process exits', async () => {
  const place = openPlace()
  const old = await place.start()
  let finish = () => {}
  const server = await old.listen({ host: '127.0.0.1', port: 0 }, (_, response) => {
    finish = () => response.end('whole')
  })
  await old.handoff.ready()
  const answer = ask(whereIs(server))
  answer.catch(() => {})
  await until('the request is in flight', () => old.handoff.metrics().connections === 1)
  await place.newPeer().takeOver()
  const closed = closing(server)
  old.system.advance(5_000)
  await new Promise(setImmediate)
  expect(old.system.exits).toEqual([])
  finish()
  expect(await answer).toBe('whole')
  expect(await closed).toBeUndefined()
  expect(await old.exit()).toBe(0)
})

test('while it is shut: a take-back does not open it again', async () => {
  const place = openPlace()
  const old = await place.start()
  const kept = await watched(old)
  const { server } = await watched(old)
  await old.handoff.ready()
  const where = whereIs(server)
  const peer = place.newPeer()
  await peer.takeOver()
  await closing(server)
  peer.die()
  await old.told('taken-back')
  await refuses(where)
  expect(await ask(whereIs(kept.server))).toBe(String(old.system.pid))
})

test('in the very tick of its commit: the process serves all the same', async () => {
  const place = openPlace()
  await place.serve()
  for (const when of ['commit', 'a tick later', 'two ticks later']) {
    const next = await place.start()
    const { server } = await watched(next)
    const kept = await watched(next)
    const open = next.handoff.ready()
    await until('it is being opened', () => {
      if (server.listening && next.handoff.metrics().stage !== 'serving') return false
      return true
    })
    if (when !== 'commit') await new Promise<void>((resolve) => process.nextTick(resolve))
    if (when === 'two ticks later') await Promise.resolve()
    expect(await closing(server)).toBeUndefined()
    await open
    expect(await ask(whereIs(kept.server))).toBe(String(next.system.pid))
  }
})

test('before its listen is through: no listening, no listener', async () => {
  const place = openPlace()
  const generation = await place.start()
  const port = await freePort()
  const server = generation.http()
  const events = watch(server)
  const listening = generation.handoff.listen(server, { host: 'localhost', port })
  server.close()
  await listening
  expect(events).toEqual(['close'])
  await refuses({ host: '127.0.0.1', port })
  expect(generation.handoff.metrics().listeners).toEqual([])
})
