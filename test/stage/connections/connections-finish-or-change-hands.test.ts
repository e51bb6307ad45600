// Stage drain: what becomes of open connections, and what their clients are told.

import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { ask, connect, readAll, whereIs } from '../support/clients.ts'
import type { NewPeer } from '../support/peers.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'

const get = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

async function serving(options: HandoffOptions = {}) {
  const place = openPlace()
  const { generation: old, server } = await place.serve(options)
  return { place, old, where: whereIs(server) }
}

/** One reply on a connection that stays open. */
async function exchange(socket: net.Socket): Promise<string> {
  socket.write(get)
  let text = ''
  while (!/\r\n\r\n.*\d$/s.test(text)) text += String((await once(socket, 'data'))[0])
  return text
}

describe('for a new process that takes no connections', () => {
  test('a keep-alive connection gets its next answer, and with it the notice', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    expect(await exchange(socket)).toMatch(/connection: keep-alive/i)
    await place.newPeer().takeOver()
    await old.reaches('drain')
    socket.write(get)
    const reply = await readAll(socket)
    expect(reply).toMatch(/^HTTP\/1.1 200/)
    expect(reply).toMatch(/connection: close/i)
    expect(await old.told('drained')).toMatchObject({
      counts: { drained: 0, handedOver: 0, closed: 1, forced: 0 },
    })
  })

  test('a request that is answered before all of it came ends no connection: that would cut the answer', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    await place.newPeer().takeOver()
    await old.reaches('drain')
    const post = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n'
    socket.write(`${post}he`)
    expect(String((await once(socket, 'data'))[0])).toMatch(/connection: keep-alive/i)
    socket.write(`llo${get}`)
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200.*connection: close/is)
  })

  test('a connection that has said nothing yet gets its answer', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    await until('it is accepted', () => old.handoff.metrics().connections === 1)
    await place.newPeer().takeOver()
    await old.reaches('drain')
    socket.write(get)
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200/)
  })

  test('a request in flight is answered whole, without the drain cutting it', async () => {
    const { place, old, where } = await serving()
    const request = await old.inFlight(where)
    const peer = place.newPeer()
    await peer.takeOver()
    // More than a socket takes at once.
    const body = 'x'.repeat(8 << 20)
    request.finish(body)
    expect((await request.answer).length).toBe(body.length)
    expect(await peer.hear('drained')).toMatchObject({ drained: 1, forced: 0 })
    expect(old.system.exits).toEqual([])
  })

  test('what is open at the deadline is closed, and the new process is told how many', async () => {
    const { place, old, where } = await serving({ drainTimeoutMs: 1_000 })
    const { answer } = await old.inFlight(where)
    const peer = place.newPeer()
    await peer.takeOver()
    old.system.advance(1_000)
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await peer.hear('drained')).toMatchObject({ drained: 0, handedOver: 0, forced: 1 })
    expect(await old.told('drained')).toMatchObject({ counts: { forced: 1 } })
  })
})

describe('to a real new process', () => {
  /** The next generation on the same listener, serving. */
  async function succeed(place: Place): Promise<Generation> {
    return (await place.serve()).generation
  }

  /** A connection that has changed process between two requests. */
  async function cameAtRest(): Promise<{ socket: net.Socket; next: Generation }> {
    const { place, where } = await serving()
    const socket = await connect(where)
    await exchange(socket)
    const next = await succeed(place)
    await until('it has come', () => next.handoff.metrics().connections === 1)
    return { socket, next }
  }

  /** A new process by hand that was sent the connections at rest, and has not acked them. */
  async function sentTo(place: Place): Promise<NewPeer> {
    const peer = place.newPeer()
    const key = 'tcp:127.0.0.1:0#1'
    await peer.takeOver([key], [key])
    await peer.hear('connections')
    return peer
  }

  test('a keep-alive connection goes over, and the client notices nothing', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    expect(await exchange(socket)).toMatch(new RegExp(`${old.system.pid}$`))
    let current = old
    for (let count = 0; count < 3; count++) {
      const next = await succeed(place)
      expect(await current.told('drained')).toMatchObject({ counts: { handedOver: 1, forced: 0 } })
      const reply = await exchange(socket)
      expect(reply).toMatch(new RegExp(`${next.system.pid}$`))
      expect(reply).toMatch(/connection: keep-alive/i)
      current = next
    }
    socket.destroy()
  })

  test('a connection that has said nothing yet goes over', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    await until('it is accepted', () => old.handoff.metrics().connections === 1)
    const next = await succeed(place)
    expect(await exchange(socket)).toMatch(new RegExp(`${next.system.pid}$`))
    socket.destroy()
  })

  test('one with a request in flight is answered first, and goes over then', async () => {
    const { place, old, where } = await serving()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const { answer, finish } = await old.inFlight(where, agent)
    const next = await succeed(place)
    expect(old.handoff.metrics().connections).toBe(1)
    finish('from the old one')
    expect(await answer).toBe('from the old one')
    await old.told('drained')
    expect(await ask(where, { agent })).toBe(String(next.system.pid))
  })

  test('300 of them in one handoff', async () => {
    const { place, old, where } = await serving()
    const sockets = await Promise.all(Array.from({ length: 300 }, () => connect(where)))
    await Promise.all(sockets.map(exchange))
    const next = await succeed(place)
    expect(await old.told('drained')).toMatchObject({ counts: { handedOver: 300, drained: 0 } })
    const replies = await Promise.all(sockets.map(exchange))
    expect(replies.filter((reply) => !reply.endsWith(String(next.system.pid)))).toEqual([])
    for (const socket of sockets) socket.destroy()
  })

  test('one that stays silent is closed when its keep-alive time is over', async () => {
    const { socket, next } = await cameAtRest()
    const rest = readAll(socket)
    next.system.advance(7_000)
    expect(await rest).toBe('')
    expect(next.handoff.metrics().connections).toBe(0)
  })

  test('one that has spoken in time is answered, however late its process gets to read', async () => {
    const { socket, next } = await cameAtRest()
    const reply = exchange(socket)
    // In the same turn: the request is in the kernel, and nobody has looked yet.
    next.system.advance(7_000)
    expect(await reply).toMatch(new RegExp(`${next.system.pid}$`))
    socket.destroy()
  })

  test('when the old process dies with the batch on its way nothing is lost twice', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    await exchange(socket)
    const peer = await sentTo(place)
    // It has the connection, and dies before it acks: it cannot have touched it.
    peer.die()
    await old.told('taken-back')
    expect(await exchange(socket)).toMatch(new RegExp(`${old.system.pid}$`))
    socket.destroy()
  })

  test('an ack that comes after the release leaves the connection to the new process alone', async () => {
    const { place, old, where } = await serving()
    const request = await old.inFlight(where)
    const socket = await connect(where)
    await exchange(socket)
    const peer = await sentTo(place)
    peer.say({ type: 'release' })
    peer.say({ type: 'adopted', received: 1 })
    const rest = readAll(socket)
    peer.die() // It was the last holder, although the old process drains on.
    expect(await rest).toBe('')
    request.finish()
    expect(await request.answer).toBe('whole')
    expect(await old.exit()).toBe(0)
  })

  test('a wrong ack is an ack: what the new process may have touched is left to it', async () => {
    const { place, old, where } = await serving()
    const socket = await connect(where)
    await exchange(socket)
    const peer = await sentTo(place)
    peer.say({ type: 'adopted', received: 99 })
    expect(await old.exit()).toBe(0)
    const rest = readAll(socket)
    peer.die() // It was the last holder.
    expect(await rest).toBe('')
    expect(old.all('taken-back')).toEqual([])
  })
})

describe('a net.Server', () => {
  test('keeps its connections until they end; it has no words to end them with', async () => {
    const place = openPlace()
    const old = await place.start()
    const server = old.own(net.createServer((socket) => socket.pipe(socket)))
    await old.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await old.handoff.ready()
    const socket = await connect(whereIs(server))
    socket.write('one')
    await once(socket, 'data')
    await place.newPeer().takeOver()
    await old.reaches('drain')
    socket.write('two')
    expect(String((await once(socket, 'data'))[0])).toBe('two')
    expect(old.all('drained')).toEqual([])
    socket.end()
    expect(await old.told('drained')).toMatchObject({ counts: { drained: 1, forced: 0 } })
  })
})
