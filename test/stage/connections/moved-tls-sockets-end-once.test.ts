// The socket of a moved TLS connection ends as a TLSSocket does, whichever side ends it.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RecordClient } from '../../support/tls/record-client.ts'
import { contentType } from '../../support/tls/reference.ts'
import { until } from '../../support/until.ts'
import { moved } from '../support/moved-tls.ts'
import { openPlace } from '../support/place.ts'
import { hasConnections, serveSecurely } from '../support/secure-server.ts'

describe('its end', () => {
  test('by the application: the client gets close_notify, then FIN', async () => {
    const { after, connection } = await moved()
    after.end()
    await until('it ends', () => connection.ended)
    expect(connection.errors).toEqual([])
  })

  test('by the client: end, close without error, no connection left', async () => {
    const { after, connection, next } = await moved()
    const closed = once(after, 'close')
    connection.socket.end()
    expect(await closed).toEqual([false])
    await hasConnections(next, 0)
  })

  test('by close_notify, and then by the FIN: it ends once', async () => {
    const { after } = await moved()
    const seen: string[] = []
    after.on('end', () => seen.push('end')).on('error', ({ message }) => seen.push(message))
    const closed = once(after, 'close')
    for (const _ of ['close_notify', 'FIN']) after.push(null)
    await closed
    expect(seen).toEqual(['end'])
  })

  test('by a client that vanishes', async () => {
    const { after, connection, next } = await moved()
    const closed = once(after, 'close')
    after.on('error', () => {})
    connection.socket.destroy()
    await closed
    await hasConnections(next, 0)
  })

  test('by a record that nothing opens: an alert, and an error with the code of OpenSSL', async () => {
    const { after, connection } = await moved()
    const failed = once(after, 'error')
    const raw = connection.socket as unknown as { _parent?: { write(bytes: Buffer): void } }
    const below = raw._parent
    expect(below === undefined || below === null).toBe(true)
    const handle = connection.socket as unknown as { _handle: { _parent: { fd: number } } }
    const { writeSync } = await import('node:fs')
    const record = Buffer.alloc(5 + 40, 7)
    record.set([23, 3, 3, 0, 40])
    writeSync(handle._handle._parent.fd, record)
    const [error] = await failed
    expect(error).toMatchObject({
      code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
      library: 'SSL routines',
    })
    await until('the client has the alert', () => connection.errors.length > 0)
    expect(connection.errors[0]).toMatchObject({
      code: expect.stringMatching(/ALERT_BAD_RECORD_MAC/),
    })
  })
})

test('an application that destroys it gets no more of what came with the data', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const { port } = old.server.address() as AddressInfo
  const client = new RecordClient({ port, version: 'TLSv1.3' })
  onTestFinished(() => void client.destroy())
  await once(client, 'connect')
  const ask = async () => {
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await once(client, 'data')
  }
  await ask()
  const next = await serveSecurely(place)
  await hasConnections(next, 1)
  await ask()
  const [after] = next.sockets as [TLSSocket]
  const before = after.bytesRead
  const pieces: string[] = []
  after.prependListener('data', (data) => {
    pieces.push(`${data}`)
    after.destroy()
  })
  // A warning between two records with data, in one write.
  const { data, alert } = contentType
  const records = [
    client.seal(data, Buffer.from('one')),
    client.seal(alert, Buffer.from([1, 90])),
    client.seal(data, Buffer.from('two')),
  ]
  client.on('error', () => {}).blurt(Buffer.concat(records))
  await once(after, 'close')
  expect(pieces).toEqual(['one'])
  expect(after.bytesRead - before).toBe(3)
})
