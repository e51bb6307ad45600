// As long as it can take back, the old process is told where connections rest that were used.

import { hasSubscribers } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import { seeded } from '../../support/load/random.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { begin, listener } from '../support/offers.ts'
import { Client } from '../support/taken.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`
const responseFinished = 'http.server.response.finish'

/** A new process that serves, and a client whose connection it was handed. */
async function serving(
  accepts: string[] | undefined,
  idleMs = 5_000,
  requests?: number,
  positions?: PositionFile,
) {
  const { old, next, started } = begin()
  old.accepts = accepts
  old.positions = positions
  const offer = listener()
  const peer = await old.send([offer, old.rendezvous])
  await started
  const slow: ServerResponse[] = []
  const server = await next.listen(
    { host: '127.0.0.1', port: offer.entry.port },
    ({ url }, response) => void (url === '/slow' ? slow.push(response) : response.end('quick')),
  )
  const ready = next.handoff.ready()
  await peer.hear('ready')
  peer.say({ type: 'committed' })
  await ready
  const [client, socket] = await pair()
  const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd
  const items = [requests === undefined ? { idleMs } : { idleMs, requests }]
  peer.say({ type: 'connections', key: offer.entry.key, kind: 'http', items }, [fd])
  await peer.hear('adopted')
  return { old, peer, next, server, client, fd, slow }
}

/** A client, and what the old process has of its connection. */
async function pair(): Promise<[Client, net.Socket]> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  onTestFinished(() => void client.destroy())
  onTestFinished(() => void socket.destroy())
  server.close()
  return [new Client(client), socket]
}

/** A turn of the event loop and one more: who would have told has told. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

test.runIf(hasProc)('once for each rest, with the place and the item', async () => {
  const { peer, client, fd } = await serving(['rested'], 2_000)
  client.socket.write(get('/'))
  const first = (await peer.hear('rested')).rests
  const item = { idleMs: expect.any(Number) }
  expect(first).toEqual([{ number: 0, ...readProgress([fd])[0], item }])
  // Anew, and not what was left of it when the connection came.
  const [{ idleMs = 0 } = {}] = first.map(({ item }) => item as { idleMs?: number })
  expect(idleMs).toBeGreaterThan(3_000)
  client.socket.write(get('/'))
  const [second] = (await peer.hear('rested')).rests
  expect(second).toMatchObject({ number: 0, ...readProgress([fd])[0] })
  expect(second?.read).toBe((first[0]?.read as number) + get('/').length)
})

test.runIf(hasProc)('whoever else is connected, and has not spoken yet', async () => {
  const { peer, next, server, client, fd } = await serving(['rested'])
  const { port } = server.address() as AddressInfo
  const silent = net.connect(port, '127.0.0.1')
  onTestFinished(() => void silent.destroy())
  await once(silent, 'connect')
  await until('both are open', () => next.handoff.metrics().connections === 2)
  client.socket.write(get('/'))
  expect((await peer.hear('rested')).rests).toMatchObject([readProgress([fd])[0]])
})

test.runIf(hasProc)('with the count of requests where one is kept', async () => {
  const { peer, server, client } = await serving(['rested'], 5_000, 3)
  server.maxRequestsPerSocket = 10
  // Counting begins with the next connection that the server hears of.
  client.socket.write(get('/'))
  expect((await peer.hear('rested')).rests).toMatchObject([{ item: { requests: 4 } }])
})

test.runIf(hasProc)('not before the answers to all that was read are sent', async () => {
  const { peer, client, fd, slow } = await serving(['rested'])
  client.socket.write(get('/') + get('/slow'))
  await client.hears('quick')
  await turns()
  slow[0]?.end('slow')
  await client.hears('slow')
  expect((await peer.hear('rested')).rests).toMatchObject([readProgress([fd])[0]])
})

test.runIf(hasProc)('not while a part of the next request was read', async () => {
  const { peer, client, fd } = await serving(['rested'])
  client.socket.write(get('/') + get('/').slice(0, 5))
  await client.hears('quick')
  await turns()
  client.socket.write(get('/').slice(5))
  const { rests } = await peer.hear('rested')
  expect(rests).toMatchObject([readProgress([fd])[0]])
  expect(rests[0]?.read).toBe(2 * get('/').length)
})

test.runIf(hasProc)('when the rest of a request has come that was answered before', async () => {
  const { peer, client, fd } = await serving(['rested'])
  client.socket.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nfirst')
  await client.hears('quick')
  await turns()
  client.socket.write('other')
  expect((await peer.hear('rested')).rests).toMatchObject([readProgress([fd])[0]])
})

test.runIf(hasProc)('only between two requests, wherever a client cuts them', async () => {
  const random = seeded(11)
  const { peer, client, slow } = await serving(['rested'])
  client.socket.write(get('/slow'))
  await until('it is asked', () => slow.length === 1)
  slow.pop()?.end('quick')
  const [{ read = 0, written = 0 } = {}] = (await peer.hear('rested')).rests
  let asked = 1
  let told = read
  for (let round = 0; round < 40; round++) {
    const requests = 1 + Math.floor(random() * 5)
    asked += requests
    let text = Array.from({ length: requests }, () => get(random() < 0.5 ? '/slow' : '/fast')).join(
      '',
    )
    while (text !== '') {
      const cut = 1 + Math.floor(random() * 2 * get('/slow').length)
      client.socket.write(text.slice(0, cut))
      text = text.slice(cut)
      if (random() < 0.7) await new Promise(setImmediate)
      if (random() < 0.3) slow.shift()?.end('quick')
    }
    while (told < asked * read) {
      const { rests } = await until('a rest is told', async () => {
        slow.shift()?.end('quick')
        await new Promise(setImmediate)
        return peer.heard('rested')
      })
      for (const rest of rests) {
        // As many whole answers as requests, and nothing of another.
        expect(rest.written / written).toBe(rest.read / read)
        expect(rest.read % read).toBe(0)
        told = rest.read
      }
    }
  }
  expect(told).toBe(asked * read)
})

test.runIf(hasProc)('in the file of positions if it has sent one, and by no message', async () => {
  const positions = PositionFile.create() as PositionFile
  onTestFinished(() => positions.close())
  const { peer, client, fd } = await serving(['rested'], 2_000, undefined, positions)
  for (let asked = 1; asked < 4; asked++) {
    client.socket.write(get('/'))
    const [position] = await until('a rest is written', () => {
      const [now] = positions.read(1)
      return now?.read === asked * get('/').length ? [now] : undefined
    })
    expect(position).toEqual({ ...readProgress([fd])[0], item: { idleMs: expect.any(Number) } })
  }
  expect(peer.heard('rested')).toBeUndefined()
})

test.runIf(hasProc)('never, if it did not ask', async () => {
  const { old, peer, next, client } = await serving(undefined)
  client.socket.write(get('/'))
  await client.hears('quick')
  await turns()
  expect(hasSubscribers(responseFinished)).toBe(false)
  next.handoff.stop()
  await peer.hear('release')
  old.die()
})

test.runIf(hasProc).each<[string, (serving: Awaited<ReturnType<typeof begun>>) => unknown]>([
  ['it was released', ({ next }) => next.handoff.stop()],
  ['it has gone', ({ old }) => old.die()],
])('no more once %s', async (_, end) => {
  const here = await begun()
  end(here)
  await until('nobody listens', () => !hasSubscribers(responseFinished))
})

async function begun() {
  const here = await serving(['rested'])
  here.client.socket.write(get('/'))
  await here.peer.hear('rested')
  expect(hasSubscribers(responseFinished)).toBe(true)
  return here
}
