// After a take-back everything is as it was: listeners, datagrams, connections without a notice.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask, connect, readAll, whereIs } from '../support/clients.ts'
import { inDrain } from '../support/committed.ts'
import { openPlace } from '../support/place.ts'

describe('listeners that the new process did not want', () => {
  test('are bound again, each with its key and its mode', async () => {
    const place = openPlace()
    const path = place.path('app.sock')
    const { generation: old, servers } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0, name: 'a' },
      { path, readableAll: true, writableAll: true },
    )
    const addresses = servers.map((server) => server.address())
    const { mode } = statSync(path)
    const places = old.handoff.metrics().listeners
    const peer = place.newPeer()
    await peer.takeOver([])
    expect(existsSync(path)).toBe(false)
    peer.die()
    expect((await old.told('taken-back')).listeners).toEqual(places)
    expect(servers.map((server) => server.address())).toEqual(addresses)
    for (const server of servers) expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(statSync(path).mode).toBe(mode)

    // The next generation finds all of them, port 0 by its name.
    const { servers: successors } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0, name: 'a' },
      { path },
    )
    expect(successors.map((server) => server.address())).toEqual(addresses)
  })

  test('and that somebody else has taken meanwhile are told of; the others serve', async () => {
    const place = openPlace()
    const path = place.path('app.sock')
    const { generation: old, server } = await place.serve(
      {},
      { host: '127.0.0.1', port: 0 },
      { path },
    )
    const peer = place.newPeer()
    await peer.takeOver(['tcp:127.0.0.1:0#1'])
    writeFileSync(path, 'something else')
    peer.die()
    await old.told('taken-back')
    expect(old.all('warning')).toMatchObject([{ message: expect.stringContaining(`unix:${path}`) }])
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(statSync(path).isFile()).toBe(true)
  })
})

test('datagrams that came meanwhile are answered', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const port = await freePort()
  const socket = old.ownDatagram(dgram.createSocket('udp4'))
  const received: string[] = []
  socket.on('message', (data) => received.push(String(data)))
  await old.handoff.bind(socket, { address: '127.0.0.1', port })
  const peer = place.newPeer()
  await peer.takeOver()
  const client = old.ownDatagram(dgram.createSocket('udp4'))
  client.send('one', port, '127.0.0.1')
  await once(client, 'listening')
  peer.die()
  await until('the datagram is read', () => received.length > 0)
  expect(received).toEqual(['one'])
})

describe('notices are taken back too', () => {
  test('the next response on a connection that stayed does not end it', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    const socket = await connect(whereIs(server))
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(socket, 'data')
    const peer = place.newPeer()
    await peer.takeOver()
    peer.die()
    await old.told('taken-back')
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const [reply] = await once(socket, 'data')
    expect(String(reply)).toMatch(/^HTTP\/1.1 200/)
    expect(String(reply)).toMatch(/connection: keep-alive/i)
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200/)
  })

  test('the drain deadline of the handoff that failed cuts nothing', async () => {
    const { old, peer, request } = await inDrain()
    peer.die()
    await old.told('taken-back')
    old.system.advance(120_000)
    request?.finish()
    expect(await request?.answer).toBe('whole')
  })
})
