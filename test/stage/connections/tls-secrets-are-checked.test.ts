// What comes with TLS connections is checked: nothing is ever said in clear on one, whatever a peer sends.

import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { tlsCountsOf, writeTlsSecrets } from '../../../packages/handoff/src/io/native/tls-counts.ts'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { until } from '../../support/until.ts'
import { openPlace } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { type SecureServed, serveSecurely } from '../support/secure-server.ts'
import { secureSuccessor } from '../support/secure-successor.ts'

const cipher = 'TLS_AES_256_GCM_SHA384'

const fdOf = (of: object) => (of as { _handle: { fd: number } })._handle.fd

async function pairOfSockets(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  server.close()
  return [client, socket]
}

/** A file of secrets that nothing was written to. */
function emptyFile(count = 1, sealed = true): { fd: number; bytes: number } {
  const file = SecretsFile.create(count)
  onTestFinished(() => file.release())
  if (sealed) file.seal()
  return { fd: file.fd, bytes: loadNative().sizeOfSecrets(count) }
}

function ordinaryFile(): { fd: number; bytes: number } {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-secrets-'))
  const fd = openSync(join(directory, 'file'), 'wx+')
  rmSync(directory, { recursive: true })
  onTestFinished(() => closeSync(fd))
  const bytes = loadNative().sizeOfSecrets(1)
  writeSync(fd, Buffer.alloc(bytes, 1))
  return { fd, bytes }
}

const item = { idleMs: 0, tls: { cipher } }

test.each<[string, () => { fd: number; bytes: number }, object]>([
  ['entries that are zeros', () => emptyFile(), item],
  ['a file that is not sealed', () => emptyFile(1, false), item],
  ['a file that is none of secrets', ordinaryFile, item],
  ['another size', () => ({ ...emptyFile(), bytes: 4 }), item],
  ['no fields of TLS', () => emptyFile(), { idleMs: 0 }],
  ['an unknown cipher', () => emptyFile(), { idleMs: 0, tls: { cipher: 'TLS_NULL' } }],
])('connections with %s are closed, and nothing is said on them', async (_, make, sent) => {
  const { peer, key, served } = await secureSuccessor()
  const [client, stays] = await pairOfSockets()
  const { fd, bytes: secretBytes } = make()
  peer.say({ type: 'connections', key, kind: 'http', items: [sent], secretBytes }, [
    fdOf(stays),
    fd,
  ])
  expect(await peer.hear('adopted')).toMatchObject({ received: 1 })
  await peer.hear('release') // The old process broke the protocol.
  stays.destroy()
  client.resume()
  await once(client, 'close')
  expect(client.bytesRead).toBe(0)
  expect(served).toEqual([])
})

test.each<[string, number, boolean]>([
  ['more items than connections', 2, true],
  ['no connection at all', 1, false],
])('%s are refused', async (_, items, hasConnection) => {
  const { peer, key, served } = await secureSuccessor()
  const [client, stays] = await pairOfSockets()
  const { fd, bytes: secretBytes } = emptyFile(2)
  peer.say(
    { type: 'connections', key, kind: 'http', items: Array(items).fill(item), secretBytes },
    hasConnection ? [fdOf(stays), fd] : [fd],
  )
  await peer.hear('adopted')
  await peer.hear('release')
  stays.destroy()
  client.destroy()
  expect(served).toEqual([])
})

test('secrets for a server without TLS are refused', async () => {
  const { peer, key, served } = await secureSuccessor({ make: () => net.createServer() })
  const { fd, bytes: secretBytes } = emptyFile()
  const [client, stays] = await pairOfSockets()
  peer.say({ type: 'connections', key, kind: 'raw', items: [{}], secretBytes }, [fdOf(stays), fd])
  await peer.hear('adopted')
  await peer.hear('release')
  stays.destroy()
  client.destroy()
  expect(served).toEqual([])
})

/** A connection of another server, and a file with its secrets, to which `change` may do something. */
async function genuine(place: Parameters<typeof serveSecurely>[0]) {
  const from: SecureServed = await serveSecurely(place, {
    rendezvousPath: place.path('other.sock'),
  })
  const client = await SecureClient.connect(from.server)
  await client.ask()
  const [socket] = from.sockets
  const finished = socket?.getFinished() as Buffer
  await until('it is at rest', () => tlsCountsOf(finished)?.atRest)
  return { client, socket: socket as NonNullable<typeof socket>, finished }
}

test('secrets of another connection: an alert, and nothing for the application', async () => {
  const { peer, key, served, place } = await secureSuccessor()
  const one = await genuine(place)
  const other = await genuine(openPlace())
  const file = SecretsFile.create(1)
  onTestFinished(() => file.release())
  writeTlsSecrets(other.finished, file.fd, 0)
  file.seal()
  ;(one.socket as unknown as { _handle: { readStop(): void } })._handle.readStop()
  const { bytes: secretBytes } = file
  peer.say({ type: 'connections', key, kind: 'http', items: [item], secretBytes }, [
    fdOf(one.socket),
    file.fd,
  ])
  await peer.hear('adopted')
  one.client.heard = ''
  one.client.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await until('the client gives up', () => one.client.errors.length > 0 || one.client.ended)
  expect(one.client.heard).toBe('')
  expect(served).toHaveLength(1)
  expect(served[0]?.bytesRead).toBe(0)
  one.socket.destroy()
})
