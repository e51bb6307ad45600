// To an application the socket of a TLS connection that has moved is the TLSSocket that it was.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { RecordClient } from '../../support/tls/record-client.ts'
import { contentType } from '../../support/tls/reference.ts'
import { until } from '../../support/until.ts'
import { moved } from '../support/moved-tls.ts'
import { openPlace } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { hasConnections, type SecureOptions, serveSecurely } from '../support/secure-server.ts'
import { authority, clientIdentity, tls as identity } from '../support/tls.ts'

/** All that an application can ask a TLSSocket. */
function answersOf(socket: TLSSocket) {
  return {
    encrypted: socket.encrypted,
    authorized: socket.authorized,
    authorizationError: socket.authorizationError,
    alpnProtocol: socket.alpnProtocol,
    servername: (socket as unknown as { servername: unknown }).servername,
    secureConnecting: (socket as unknown as { secureConnecting: boolean }).secureConnecting,
    protocol: socket.getProtocol(),
    cipher: socket.getCipher(),
    peer: socket.getPeerCertificate(),
    detailed: inspect(socket.getPeerCertificate(true), { depth: 3 }),
    peerX509: socket.getPeerX509Certificate()?.fingerprint256,
    own: socket.getCertificate(),
    ownX509: socket.getX509Certificate()?.fingerprint256,
    finished: socket.getFinished(),
    peerFinished: socket.getPeerFinished(),
    isSessionReused: socket.isSessionReused(),
    ephemeral: socket.getEphemeralKeyInfo(),
    ticket: socket.getTLSTicket(),
    remote: [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
    local: [socket.localAddress, socket.localPort],
    isTlsSocket: socket instanceof tls.TLSSocket,
    className: socket.constructor.name,
    allowHalfOpen: socket.allowHalfOpen,
  }
}

const asClient = { key: identity.key, cert: identity.cert }
const clientCertificates = { requestCert: true, rejectUnauthorized: false }

test.each<[string, tls.ConnectionOptions, SecureOptions]>([
  ['a plain client', {}, {}],
  ['TLS 1.2', { maxVersion: 'TLSv1.2' }, {}],
  ['a name and a protocol', { servername: 'localhost', ALPNProtocols: ['http/1.1'] }, {}],
  [
    'a certificate that is trusted',
    asClient,
    { tlsOptions: { ...clientCertificates, ca: identity.cert } },
  ],
  ['a certificate that is not', asClient, { tlsOptions: clientCertificates }],
  [
    'a certificate and that of its authority',
    { ...clientIdentity, cert: `${clientIdentity.cert}${authority}` },
    { tlsOptions: { ...clientCertificates, ca: authority } },
  ],
  ['a certificate without its authority', clientIdentity, { tlsOptions: clientCertificates }],
  ['none where one was asked for', {}, { tlsOptions: clientCertificates }],
])('with %s', async (_, client, options) => {
  const asked: unknown[] = []
  const { after } = await moved(client, options, (before) => asked.push(answersOf(before)))
  expect([answersOf(after)]).toEqual(asked)
})

test('a session that was resumed is one', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const first = await SecureClient.connect(old.server)
  const session = once(first.socket, 'session')
  await first.ask()
  const second = await SecureClient.connect(old.server, { session: (await session)[0] })
  await second.ask()
  first.socket.destroy()
  await hasConnections(old, 1)
  const next = await serveSecurely(place)
  await hasConnections(next, 1)
  await second.ask()
  expect(next.sockets[0]?.isSessionReused()).toBe(true)
  expect(second.socket.isSessionReused()).toBe(true)
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'the client of a connection that has moved resumes its session in the new process: %s',
  async (maxVersion) => {
    const place = openPlace()
    const old = await serveSecurely(place)
    const client = await SecureClient.connect(old.server, { maxVersion })
    const sessions: Buffer[] = []
    if (maxVersion === 'TLSv1.2') sessions.push(client.socket.getSession() as Buffer)
    client.socket.on('session', (session) => sessions.push(session))
    await client.ask()
    const next = await serveSecurely(place)
    await hasConnections(next, 1)
    const before = sessions.length
    await client.ask()
    expect(sessions, 'none comes after the move').toHaveLength(before)
    const again = await SecureClient.connect(next.server, {
      maxVersion,
      session: sessions.at(-1) as Buffer,
    })
    expect(again.socket.isSessionReused()).toBe(true)
    expect(await again.ask()).toBe(`${next.generation.system.pid} 0`)
  },
)

test('what needs the state of OpenSSL fails, and says why', async () => {
  const { after } = await moved()
  const failure = expect.objectContaining({ code: 'ERR_HANDOFF_TLS_MOVED' })
  expect(() => after.exportKeyingMaterial(32, 'label', Buffer.alloc(0))).toThrow(failure)
  expect(() =>
    (after as unknown as { setServername(name: string): void }).setServername('a'),
  ).toThrow(failure)
  expect(() =>
    (after as unknown as { setSession(session: Buffer): void }).setSession(Buffer.alloc(0)),
  ).toThrow(failure)
  const error = await new Promise((resolve) => {
    expect(after.renegotiate({}, resolve)).toBe(false)
  })
  expect(error).toEqual(failure)
  // The callback is optional.
  expect((after.renegotiate as (options: object) => boolean)({})).toBe(false)
  expect(after.getSession()).toBeUndefined()
  expect(after.setMaxSendFragment(1_024)).toBe(false)
  after.disableRenegotiation()
  after.enableTrace()
})

test('every method of TLSSocket has one of its own there', async () => {
  const { after } = await moved()
  const own = Object.getPrototypeOf(after)
  expect(Object.getPrototypeOf(own)).toBe(tls.TLSSocket.prototype)
  const internal = /^_|^constructor$/
  const inherited = Object.getOwnPropertyNames(tls.TLSSocket.prototype).filter(
    (name) => !internal.test(name) && !Object.hasOwn(own, name),
  )
  expect(inherited).toEqual([])
})

test('no secret shows where an application looks', async () => {
  const { after } = await moved()
  const shown = inspect(after, { depth: 8, showHidden: true })
  expect(shown).not.toMatch(/secret|TlsRecords|TlsSession/i)
})

test('counts the bytes of the data, not of the records', async () => {
  const { after, connection } = await moved()
  const [read, written] = [after.bytesRead, after.bytesWritten]
  await connection.ask('/50000')
  expect(after.bytesRead - read).toBe('GET /50000 HTTP/1.1\r\nhost: localhost\r\n\r\n'.length)
  expect(after.bytesWritten - written).toBe(connection.heard.length)
})

test('a server with several certificates shows none as its own', async () => {
  const { cert, key } = identity
  const { after } = await moved({}, { tlsOptions: { cert: [cert], key: [key] } })
  expect(after.getCertificate()).toEqual({})
  expect(after.getX509Certificate()).toBeUndefined()
})

test('a timeout of the application is one', async () => {
  const { after } = await moved()
  after.setTimeout(20)
  await once(after, 'timeout')
})

test('a client that reads slowly holds back the application', async () => {
  const { after, connection } = await moved()
  connection.socket.pause()
  const piece = Buffer.alloc(1 << 20, 'z')
  let written = 0
  while (after.write(piece)) written += piece.length
  for (let more = 0; more < 20; more++) {
    after.write(piece)
    written += piece.length
  }
  expect(after.writableNeedDrain).toBe(true)
  connection.heard = ''
  connection.socket.resume()
  await once(after, 'drain')
  await until('all of it comes', () => connection.heard.length >= written, 20_000)
  expect(connection.heard).toBe('z'.repeat(connection.heard.length))
})

test('an application that does not read holds back the client', async () => {
  const { after, connection } = await moved()
  after.pause()
  const sent = Buffer.alloc(8 << 20, 'y')
  connection.socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${sent.length}\r\n\r\n`)
  connection.socket.write(sent)
  await until('no more goes', () => connection.socket.writableLength > 0)
  connection.heard = ''
  after.resume()
  expect(await connection.answer()).toMatch(new RegExp(` ${sent.length}$`))
})

test('half of a record behind data that the application puts back does not end the reading', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const { port } = old.server.address() as AddressInfo
  const client = new RecordClient({ port, version: 'TLSv1.3' })
  onTestFinished(() => void client.destroy())
  await once(client, 'connect')
  const next = await serveSecurely(place)
  await hasConnections(next, 1)
  const upgraded = once(next.server, 'upgrade')
  client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: text\r\n\r\n')
  const [, socket] = (await upgraded) as [IncomingMessage, TLSSocket]
  expect(socket).toBe(next.sockets[0])

  const before = 'x'.repeat(2 * socket.readableHighWaterMark)
  socket.pause().unshift(before)
  const record = client.seal(contentType.data, Buffer.from('the rest'))
  const read = bytesOfRecords(socket)
  client.blurt(record.subarray(0, 7))
  await until('half of it is read', () => bytesOfRecords(socket) === read + 7)
  client.blurt(record.subarray(7))
  let heard = ''
  socket.on('data', (data) => {
    heard += data
  })
  socket.resume()
  await until('all of it comes', () => heard === `${before}the rest`)
  socket.destroy()
})

/** What the kernel has given to the process, as records. */
function bytesOfRecords(socket: TLSSocket): number {
  return (socket as unknown as { _handle: { bytesRead: number } })._handle.bytesRead
}
