// handoff.listen(): its failures leave everything as it was; its other forms do what Node's do.

import { once } from 'node:events'
import net, { type AddressInfo, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ask, whereIs } from '../support/clients.ts'
import { openPlace, type Place } from '../support/place.ts'
import { watched } from '../support/watched.ts'

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
