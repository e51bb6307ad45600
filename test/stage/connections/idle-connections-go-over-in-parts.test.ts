// Stage drain: more idle connections than a process looks at in one turn of the event loop.

import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { connect, type Where, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

/** More than one part. */
const many = 2_100
const few = 5

const where = { host: '127.0.0.1', port: 0 }

/** Connections on which so many requests for a path were sent. */
function clients(target: Where, count: number, path: string): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = await connect(target)
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      return socket
    }),
  )
}

/** The last line of the next reply on each. */
function replies(sockets: readonly Socket[]): Promise<string[]> {
  return Promise.all(
    sockets.map(
      async (socket) =>
        String((await once(socket, 'data'))[0])
          .split('\r\n')
          .at(-1) ?? '',
    ),
  )
}

test('those at rest go over beside thousands that are answered, and these once they have been', async () => {
  const place = openPlace()
  const held: ServerResponse[] = []
  const generation = async () => {
    const one = await place.start()
    const reply: RequestListener = ({ url }, response) =>
      url === '/held' ? held.push(response) : response.end(`${one.system.pid}`)
    const server = await one.listen(where, reply)
    await one.handoff.ready()
    return { one, server }
  }
  const { one: old, server } = await generation()
  const resting = await clients(whereIs(server), few, '/')
  await replies(resting)
  const busy = await clients(whereIs(server), many, '/held')
  await until('all requests are in flight', () => held.length === many)

  const { one: next } = await generation()
  await until('those at rest are there', () => next.handoff.metrics().connections === few)
  expect(old.handoff.metrics().connections).toBe(many)

  const answers = replies(busy)
  for (const response of held) response.end('whole')
  expect(new Set(await answers)).toEqual(new Set(['whole']))
  expect(await old.told('drained')).toMatchObject({
    counts: { handedOver: many + few, drained: 0, closed: 0, forced: 0 },
  })

  const all = [...resting, ...busy]
  const last = replies(all)
  for (const socket of all) socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  expect(new Set(await last)).toEqual(new Set([`${next.system.pid}`]))
  for (const socket of all) socket.destroy()
})
