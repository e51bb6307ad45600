// The pattern of docs/websockets.md for replies without an end, such as server-sent events.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import type { HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { until } from '../../support/until.ts'
import { connect, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

test('a stream that ends itself at the drain ends whole, and its process need not wait', async () => {
  const place = openPlace()
  const streams = new Set<ServerResponse>()
  const old = await place.start()
  const onEvent = (event: unknown) => {
    const { type, pid } = event as HandoffEvent
    if (type !== 'stage' || pid !== old.system.pid) return
    if ((event as Extract<HandoffEvent, { type: 'stage' }>).stage !== 'drain') return
    for (const stream of streams) stream.end('retry: 1\n\n')
  }
  subscribe('socket-handoff:event', onEvent)
  const server = await old.listen({ host: '127.0.0.1', port: 0 }, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: hello\n\n')
    streams.add(response)
  })
  await old.handoff.ready()
  const socket = await connect(whereIs(server))
  socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  let heard = ''
  socket.on('data', (data) => {
    heard += data
  })
  await until('the stream is open', () => streams.size === 1)

  await place.serve()
  await until('the stream ends', () => socket.readableEnded)
  socket.end()
  expect(heard).toMatch(/data: hello.*retry: 1.*\r\n0\r\n\r\n$/s)
  expect((await old.told('drained')).counts).toMatchObject({ drained: 1, closed: 0, forced: 0 })
  socket.destroy()
  unsubscribe('socket-handoff:event', onEvent)
})
