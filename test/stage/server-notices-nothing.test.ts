// What an application sees of its own server: as if there had been one listen and one close.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { Channel } from '../../packages/handoff/src/io/channel.ts'
import { freePort } from '../support/free-port.ts'
import { hasProc } from '../support/process-facts.ts'
import { until } from '../support/until.ts'
import { ask, whereIs } from './clients.ts'
import { type Generation, openPlace, type Place } from './place.ts'

/** Notes what the server emits and checks its address at every event. */
function watch(server: Server): string[] {
  const events: string[] = []
  for (const event of ['listening', 'close', 'error']) {
    server.on(event, () => void events.push(event))
  }
  return events
}

async function watched(generation: Generation, path?: string) {
  const server = generation.http()
  const events = watch(server)
  const where = path === undefined ? { host: '127.0.0.1', port: 0 } : { path }
  await generation.handoff.listen(server, where)
  return { server, events }
}

describe('events', () => {
  test('one listening through the whole life of a server, and no close before its end', async () => {
    const place = openPlace()
    const old = await place.start()
    const first = await watched(old)
    await old.handoff.ready()
    const next = await place.start()
    const second = await watched(next)
    expect(second.events).toEqual(['listening'])
    await next.handoff.ready()
    await ask(whereIs(second.server))
    // Through a commit and a take-back as well.
    const peer = place.newPeer()
    await peer.takeOver()
    peer.die()
    await next.told('taken-back')
    await ask(whereIs(second.server))
    expect(first.events).toEqual(['listening'])
    expect(second.events).toEqual(['listening'])
  })

  test('an abort shows nothing', async () => {
    const place = openPlace()
    const old = await place.start()
    const { server, events } = await watched(old)
    await old.handoff.ready()
    const peer = place.newPeer()
    await peer.receive()
    peer.die()
    await old.told('aborted')
    await ask(whereIs(server))
    expect(events).toEqual(['listening'])
  })

  test('a server without connections is closed at the commit, and does not say so', async () => {
    const place = openPlace()
    const old = await place.start()
    const { server, events } = await watched(old)
    await old.handoff.ready()
    await place.newPeer().takeOver()
    await old.told('drained')
    await new Promise(setImmediate)
    expect(events).toEqual(['listening'])

    // The application's own end is one close, without an error.
    const closed = new Promise((resolve) => server.close(resolve))
    expect(await closed).toBeUndefined()
    expect(events).toEqual(['listening', 'close'])
  })
})

describe('address() is right at every moment', () => {
  test.each(['TCP', 'Unix'])('%s', async (kind) => {
    const place = openPlace()
    const path = kind === 'Unix' ? place.path('app.sock') : undefined
    const old = await place.start()
    const first = await watched(old, path)
    await old.handoff.ready()
    const address = first.server.address()
    expect(address).toEqual(
      path ?? { address: '127.0.0.1', family: 'IPv4', port: (address as AddressInfo).port },
    )

    const next = await place.start()
    const server = next.http()
    const seen: unknown[] = []
    server.on('listening', () => seen.push(server.address()))
    await next.handoff.listen(
      server,
      path === undefined ? { host: '127.0.0.1', port: 0 } : { path },
    )
    seen.push(server.address())
    const ready = next.handoff.ready()
    let serves = false
    ready.then(() => {
      serves = true
    })
    // In every turn of the loop until it serves, microtasks and ticks included.
    while (!serves) {
      seen.push(server.address())
      await Promise.resolve()
      seen.push(server.address())
      await new Promise<void>((resolve) => process.nextTick(resolve))
      seen.push(server.address(), first.server.address())
      await new Promise(setImmediate)
    }
    seen.push(server.address(), first.server.address())
    for (const at of seen) expect(at).toEqual(address)
  })

  test('before it listens and after it is closed there is none', async () => {
    const place = openPlace()
    const generation = await place.start()
    const { server } = await watched(generation)
    server.close()
    expect(server.address()).toBeNull()
    expect(generation.http().address()).toBeNull()
  })
})

describe('the application closes its server', () => {
  const closing = (server: Server) => new Promise((resolve) => server.close(resolve))

  /** Nobody may be left in a queue that no process reads. */
  async function refuses(where: Parameters<typeof ask>[0]): Promise<void> {
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
})

describe('a listen that fails', () => {
  async function taken(place: Place) {
    const generation = await place.start()
    const stranger = generation.own(net.createServer()).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    return { generation, port: (stranger.address() as AddressInfo).port, stranger }
  }

  test('leaves the server as it was, so that it can try elsewhere', async () => {
    const { generation, port } = await taken(openPlace())
    const server = generation.http()
    const own = Object.getOwnPropertyNames(server)
    const listeners = server.eventNames().map((name) => [name, server.listenerCount(name)])
    for (let count = 0; count < 3; count++) {
      await expect(
        generation.handoff.listen(server, { host: '127.0.0.1', port }),
      ).rejects.toMatchObject({
        code: 'EADDRINUSE',
      })
    }
    expect(Object.getOwnPropertyNames(server)).toEqual(own)
    expect(server.eventNames().map((name) => [name, server.listenerCount(name)])).toEqual(listeners)
    expect(server.address()).toBeNull()
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
  })

  test('of a name that does not exist: the error of the lookup', async () => {
    const { generation } = await taken(openPlace())
    const server = generation.http()
    const failed = generation.handoff.listen(server, { host: 'no.such.host.invalid', port: 0 })
    await expect(failed).rejects.toMatchObject({ syscall: 'getaddrinfo' })
  })

  test('for a server that listens already', async () => {
    const { generation } = await taken(openPlace())
    const { server } = await watched(generation)
    const again = generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await expect(again).rejects.toMatchObject({ code: 'ERR_HANDOFF_LISTEN_STATE' })
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
  })

  test('for one that is about to: the first listen counts, the second leaks nothing', async () => {
    const { generation } = await taken(openPlace())
    const server = generation.http()
    const where = { host: '127.0.0.1', port: 0 }
    const both = [
      generation.handoff.listen(server, where),
      generation.handoff.listen(server, where),
    ]
    const outcomes = await Promise.allSettled(both)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(generation.handoff.metrics().listeners).toHaveLength(1)
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
  })

  test.each([
    {},
    { port: -1 },
    { port: 70_000 },
    { path: '' },
    { fd: -1 },
    { fd: 99_999 },
    { fd: 0 },
  ])('for %o', async (options) => {
    const { generation } = await taken(openPlace())
    const failed = generation.handoff.listen(generation.http(), options)
    const code = 'fd' in options && options.fd === 99_999 ? 'EBADF' : 'ERR_HANDOFF_INVALID_OPTION'
    await expect(failed).rejects.toMatchObject({ code })
  })
})

describe('listen({ signal })', () => {
  test('closes the server when it is aborted', async () => {
    const generation = await openPlace().start()
    const controller = new AbortController()
    const server = await generation.listen({
      host: '127.0.0.1',
      port: 0,
      signal: controller.signal,
    })
    const closed = once(server, 'close')
    controller.abort()
    await closed
    expect(generation.handoff.metrics().listeners).toEqual([])
  })

  test('closes it at once when it was aborted before', async () => {
    const generation = await openPlace().start()
    const server = generation.http()
    const closed = once(server, 'close')
    void generation.handoff.listen(server, {
      host: '127.0.0.1',
      port: 0,
      signal: AbortSignal.abort(),
    })
    await closed
    expect(generation.handoff.metrics().listeners).toEqual([])
  })
})

test("a descriptor that the process inherited is handed on, and stays the caller's", async () => {
  const place = openPlace()
  const generation = await place.start()
  const given = generation.own(net.createServer()).listen(0, '127.0.0.1')
  await once(given, 'listening')
  const where = whereIs(given)
  const { fd } = (given as Server & { _handle: { fd: number } })._handle
  const server = await generation.listen({ fd })
  given.close()
  await once(given, 'close')
  expect(whereIs(server)).toEqual(where)
  expect(await ask(where)).toBe(String(generation.system.pid))
  await generation.handoff.ready()
  const { server: successor, generation: next } = await place.serve(
    {},
    where as { host: string; port: number },
  )
  expect(whereIs(successor)).toEqual(where)
  expect(await ask(where)).toBe(String(next.system.pid))
})

test.runIf(hasProc)('a connection to the placeholder of a waiting server is none', async () => {
  const place = openPlace()
  await place.serve()
  const next = await place.start()
  const { server } = await watched(next)
  const connections: unknown[] = []
  server.on('connection', (socket) => connections.push(socket))
  const names = [...readFileSync('/proc/net/unix', 'utf8').matchAll(/@socket-handoff-[\w-]+/g)]
  for (const [name] of names) {
    const channel = Channel.connect(name)
    expect(await channel.read()).toBeUndefined()
    channel.close()
  }
  expect(names.length).toBeGreaterThan(0)
  expect(connections).toEqual([])
  expect(next.handoff.metrics().connections).toBe(0)
})
