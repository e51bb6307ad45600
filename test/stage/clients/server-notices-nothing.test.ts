// What an application sees of its own server: as if there had been one listen and one close.

import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { ask, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'
import { watched } from '../support/watched.ts'

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

/** The names of the placeholders of this process. Those of others are in the same namespace. */
function ownPlaceholders(): string[] {
  const own = descriptors(process.pid)
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, inode, name] = /(\d+) (@socket-handoff-[\w-]+)$/.exec(line) ?? []
      return name !== undefined && own.includes(`socket:[${inode}]`) ? name : []
    })
}

test.runIf(hasProc)('a connection to the placeholder of a waiting server is none', async () => {
  const place = openPlace()
  await place.serve()
  const next = await place.start()
  const { server } = await watched(next)
  const connections: unknown[] = []
  server.on('connection', (socket) => connections.push(socket))
  const names = ownPlaceholders()
  for (const name of names) {
    const channel = Channel.connect(name)
    expect(await channel.read()).toBeUndefined()
    channel.close()
  }
  expect(names.length).toBeGreaterThan(0)
  expect(connections).toEqual([])
  expect(next.handoff.metrics().connections).toBe(0)
})
