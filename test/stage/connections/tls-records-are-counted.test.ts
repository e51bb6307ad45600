// The counts of a TLS connection are those of the wire, and its secrets open the next record of each
// direction: with every version and suite that can move, whatever the handshake was like.

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import tls, { type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import {
  countTlsRecords,
  countWatchedTls,
  tlsCountsOf,
  writeTlsSecrets,
} from '../../../packages/handoff/src/io/native/tls-counts.ts'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { identities } from '../../support/tls/identities.ts'
import { optionsOf } from '../../support/tls/key-log.ts'
import { ReferenceHalf, suites } from '../../support/tls/reference.ts'
import { readSecrets } from '../../support/tls/secrets.ts'
import { until } from '../../support/until.ts'
import { tls as identity } from '../support/tls.ts'
import { openWire, type Wire } from '../support/tls-wire.ts'

/** A context from before the first call. */
const older = tls.createServer(identity)

const trouble = countTlsRecords()

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

interface Connection {
  readonly wire: Wire
  readonly client: TLSSocket
  readonly socket: TLSSocket
}

const listen = async (server: tls.Server) => {
  server.listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Connects to a server, and waits until both sides have finished the handshake. */
async function connect(
  server: tls.Server,
  options: tls.ConnectionOptions = {},
): Promise<Connection> {
  server.setMaxListeners(0).on('tlsClientError', () => {})
  const port = server.listening ? (server.address() as AddressInfo).port : await listen(server)
  const wire = await openWire(port)
  const accepted: TLSSocket[] = []
  server.on('secureConnection', (socket) => accepted.push(socket))
  const client = tls.connect({ port: wire.port, rejectUnauthorized: false, ...options })
  await once(client, 'secureConnect')
  const finished = client.getPeerFinished() as Buffer
  const socket = await until('the server has accepted', () =>
    accepted.find((one) => one.getFinished()?.equals(finished)),
  )
  for (const end of [client, socket]) end.on('error', () => {})
  closers.push(
    () => wire.close(),
    () => client.destroy(),
    () => socket.destroy(),
  )
  return { wire, client, socket }
}

const countsOf = (socket: TLSSocket) => tlsCountsOf(socket.getFinished() as Buffer)

async function say(from: TLSSocket, to: TLSSocket, bytes: number): Promise<void> {
  from.write(Buffer.alloc(bytes, 'x'))
  for (let left = bytes; left > 0; ) {
    const [chunk] = (await once(to, 'data')) as [Buffer]
    left -= chunk.length
  }
}

/** The bytes that one side sends while it writes `text`. */
async function recordOf(sent: () => Buffer, from: TLSSocket, to: TLSSocket, text: string) {
  const before = sent().length
  await say(from, to, text.length)
  return sent().subarray(before)
}

/** Checks the counts against the wire, and the secrets against the next records. */
async function expectExact({ wire, client, socket }: Connection): Promise<void> {
  for (const bytes of [1, 100, 16_384, 16_385, 100_000]) {
    await say(client, socket, bytes)
    await say(socket, client, bytes)
  }
  const counts = countsOf(socket)
  expect(counts).toMatchObject({
    read: wire.fromClient().length,
    written: wire.fromServer().length,
    atRest: true,
    obstacle: undefined,
  })
  const file = SecretsFile.create(1)
  closers.push(() => file.release())
  writeTlsSecrets(socket.getFinished() as Buffer, file.fd, 0)
  const { suite, owesKeyUpdate, read, write } = readSecrets(file)
  expect([suite.version, suite.id]).toEqual([counts?.version, counts?.suite])
  expect(owesKeyUpdate).toBe(false)
  const question = await recordOf(wire.fromClient, client, socket, 'question')
  const halfRead = new ReferenceHalf(suite, read.secret, read.sequence)
  expect(halfRead.open(question).data.toString()).toBe('xxxxxxxx')
  const answer = await recordOf(wire.fromServer, socket, client, 'answer')
  const halfWritten = new ReferenceHalf(suite, write.secret, write.sequence)
  expect(halfWritten.open(answer).data.toString()).toBe('xxxxxx')
  // Of a suite that has one, it comes behind the header.
  if (write.explicitNonce !== 0n) expect(answer.readBigUInt64BE(5)).toBe(write.explicitNonce)
}

const noneIsFollowed = () => countWatchedTls() === 0

const isOpenSsl3 = process.versions.openssl?.startsWith('3.') === true

test('this Node.js offers all that is needed', () => {
  expect(trouble).toBe(isOpenSsl3 ? undefined : expect.stringContaining('OpenSSL 3'))
})

describe.skipIf(!isOpenSsl3)('a TLS connection', () => {
  test.each(suites)('with $name', async (suite) => {
    await expectExact(await connect(tls.createServer({ ...identities, ...optionsOf(suite) })))
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('that resumed a session of %s', async (version) => {
    const server = tls.createServer({ ...identity, maxVersion: version })
    const first = await connect(server)
    // Tickets of TLS 1.3 come before the data.
    await say(first.socket, first.client, 1)
    const second = await connect(server, { session: first.client.getSession() as Buffer })
    expect(second.client.isSessionReused()).toBe(true)
    await expectExact(second)
  })

  test('after a HelloRetryRequest', async () => {
    const server = tls.createServer({ ...identity, ecdhCurve: 'secp384r1' })
    await expectExact(await connect(server, { ecdhCurve: 'prime256v1:secp384r1' }))
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('with a certificate of the client, %s', async (v) => {
    const options = { ...identity, requestCert: true, rejectUnauthorized: false, maxVersion: v }
    const connection = await connect(tls.createServer(options), identity)
    expect(connection.socket.getPeerCertificate().fingerprint).toBeDefined()
    await expectExact(connection)
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('with the context of SNICallback, %s', async (v) => {
    const context = tls.createSecureContext({ ...identity, maxVersion: v })
    const SNICallback: TlsOptions['SNICallback'] = (_, done) =>
      void setImmediate(done, null, context)
    const server = tls.createServer({ ...identity, SNICallback, maxVersion: v })
    const first = await connect(server, { servername: 'a.example' })
    await expectExact(first)
    // A second one, so that the context has the callback for secrets before it is chosen.
    await expectExact(await connect(server, { servername: 'a.example' }))
  })

  test('with a context of addContext, and one of setSecureContext', async () => {
    const server = tls.createServer(identity)
    server.addContext('a.example', identity)
    await expectExact(await connect(server, { servername: 'a.example' }))
    server.setSecureContext({ ...identity, ciphers: 'TLS_CHACHA20_POLY1305_SHA256' })
    await expectExact(await connect(server))
  })

  test('whose program listens to keylog, and gets what it gets without us', async () => {
    const server = tls.createServer(identity)
    const lines: string[] = []
    server.on('keylog', (line) => lines.push(String(line)))
    const ofClient: string[] = []
    const wire = await openWire(await listen(server))
    closers.push(() => wire.close())
    // Two at once: Node.js sets its callback for the second one while the first one shakes hands.
    const pairs = await Promise.all([connect(server), connect(server)])
    const client = tls.connect({ port: wire.port, rejectUnauthorized: false })
    client.on('keylog', (line) => ofClient.push(String(line)))
    await once(client, 'secureConnect')
    closers.push(() => client.destroy())
    for (const pair of pairs) await expectExact(pair)
    const [random] = ofClient.map((line) => line.split(' ')[1])
    const ofServer = () => lines.filter((line) => line.split(' ')[1] === random)
    await until('all lines', () => ofServer().length === ofClient.length)
    expect(ofServer().sort()).toEqual(ofClient.sort())
  })

  test('is not at rest while a record is on its way', async () => {
    const { wire, client, socket } = await connect(tls.createServer(identity))
    await say(client, socket, 10)
    const before = wire.fromClient().length
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    for (const part of [3, 5, 20]) {
      wire.limit = wire.fromClient().length + part
      const whole = wire.fromClient().length + 5 + 100 + 1 + 16
      const passed = wire.limit
      client.write(Buffer.alloc(100, 'x'))
      await until('the part is read', () => readProgress([fd])[0]?.read === passed)
      const counts = countsOf(socket)
      expect([counts?.read === passed && counts.atRest, part]).toEqual([false, part])
      wire.limit = Number.POSITIVE_INFINITY
      await once(socket, 'data')
      expect(countsOf(socket)).toMatchObject({ read: whole, atRest: true })
    }
    expect(wire.fromClient().length).toBe(before + 3 * 122)
  })

  test('that was renegotiated cannot move', async () => {
    const { client, socket } = await connect(
      tls.createServer({ ...identity, maxVersion: 'TLSv1.2' }),
    )
    const callback = new Promise((done) => client.renegotiate({}, done))
    client.resume()
    socket.resume()
    await callback
    expect(countsOf(socket)?.obstacle).toBe('renegotiated')
    expect(() => writeTlsSecrets(socket.getFinished() as Buffer, 0, 0)).toThrow('EPERM')
  })

  test('of a CBC suite cannot move', async () => {
    const ciphers = 'ECDHE-ECDSA-AES128-SHA'
    const { client, socket } = await connect(
      tls.createServer({ ...identity, ciphers, maxVersion: 'TLSv1.2' }),
    )
    await say(client, socket, 10)
    expect(countsOf(socket)?.obstacle).toBe('suite')
  })

  test('that the client ends cannot move', async () => {
    const { client, socket } = await connect(
      tls.createServer({ ...identity, allowHalfOpen: true } as TlsOptions),
    )
    socket.resume()
    client.end()
    await once(socket, 'end')
    expect(countsOf(socket)?.obstacle).toBe('alert')
  })

  test('whose context is older has no counts; its next context has', async () => {
    const first = await connect(older)
    expect(countsOf(first.socket)).toBeUndefined()
    expect(() => writeTlsSecrets(first.socket.getFinished() as Buffer, 0, 0)).toThrow('ENOENT')
    older.setSecureContext(identity)
    await expectExact(await connect(older))
  })

  test('over a stream of JavaScript is followed, too', async () => {
    const server = tls.createServer(identity)
    const relay = net.createServer((socket) => server.emit('connection', socket))
    relay.listen(0, '127.0.0.1')
    closers.push(() => relay.close())
    await once(relay, 'listening')
    const wire = await openWire((relay.address() as AddressInfo).port)
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
    const client = tls.connect({ port: wire.port, rejectUnauthorized: false })
    const [[socket]] = await Promise.all([accepted, once(client, 'secureConnect')])
    closers.push(
      () => wire.close(),
      () => client.destroy(),
    )
    await expectExact({ wire, client, socket })
  })

  test('is forgotten when it ends; clients are never followed', async () => {
    await until('the others are freed', noneIsFollowed)
    const server = tls.createServer(identity)
    const pairs: Connection[] = []
    for (let count = 0; count < 20; count++) pairs.push(await connect(server))
    expect(countWatchedTls()).toBe(20)
    const finished = pairs.map(({ socket }) => socket.getFinished() as Buffer)
    expect(finished.map((one) => tlsCountsOf(one) !== undefined)).not.toContain(false)
    for (const { client } of pairs) client.destroy()
    await until('they are freed', noneIsFollowed)
    expect(finished.map(tlsCountsOf)).toEqual(Array.from(finished, () => undefined))
  })
})
