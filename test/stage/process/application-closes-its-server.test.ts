// The application closes its own server, at any moment: nobody is left in a queue that nobody reads.

import http from 'node:http'
import net, { type Server } from 'node:net'
import { expect, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask, type Where, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'
import { watch, watched } from '../support/watched.ts'

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

type Close = (server: http.Server) => unknown

test.each<[string, Close]>([
  ['the method of net.Server', (server) => net.Server.prototype.close.call(server)],
  ['the method of http.Server', (server) => http.Server.prototype.close.call(server)],
  ['disposing of it', (server) => server[Symbol.asyncDispose]()],
])('by %s', async (_, close) => {
  const generation = await openPlace().start()
  const { server, events } = await watched(generation)
  await generation.handoff.ready()
  const where = whereIs(server)
  await close(server)
  await until('it is closed', () => events.includes('close'))
  await refuses(where)
  expect(generation.handoff.metrics().listeners).toEqual([])
})

test.each<[string, (server: http.Server, close: () => void) => void]>([
  ['in its own `listening` event', (server, close) => server.once('listening', close)],
  ['a tick after its listen', (_, close) => process.nextTick(close)],
  ['a microtask after its listen', (_, close) => queueMicrotask(close)],
  ['in the turn of its listen', (_, close) => close()],
  ['a turn of the event loop later', (_, close) => setImmediate(close)],
])('%s: nothing listens', async (_, when) => {
  const generation = await openPlace().start()
  const port = await freePort()
  const server = generation.http()
  const events = watch(server)
  const listens = generation.handoff.listen(server, { host: '127.0.0.1', port })
  when(server, () => server.close())
  await listens
  await until('it is closed', () => events.includes('close'))
  await refuses({ host: '127.0.0.1', port })
  expect(events.filter((event) => event === 'close')).toHaveLength(1)
  expect(generation.handoff.metrics().listeners).toEqual([])
})

test('through a wrapper of its own, be it older or younger than the listen', async () => {
  const generation = await openPlace().start()
  const server = generation.http()
  const calls: string[] = []
  const wrap = (name: string) => {
    const { close } = server
    server.close = (callback) => {
      calls.push(name)
      return close.call(server, callback)
    }
  }
  wrap('older')
  const listens = generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  wrap('early')
  await listens
  wrap('younger')
  await generation.handoff.ready()
  const where = whereIs(server)
  expect(await closing(server)).toBeUndefined()
  expect(calls).toEqual(['younger', 'early', 'older'])
  await refuses(where)
  // They are all there still.
  expect(await closing(server)).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' })
  expect(calls).toHaveLength(6)
})

test('while it drains, by a method that it has kept: no error, and one `close`', async () => {
  const place = openPlace()
  const generation = await place.start()
  const { server, events } = await watched(generation)
  const close = server.close.bind(server)
  await generation.handoff.ready()
  await place.newPeer().takeOver()
  await generation.told('drained')
  expect(server.listening).toBe(true)
  expect(await new Promise((resolve) => close(resolve))).toBeUndefined()
  expect(events).toEqual(['listening', 'close'])
})
