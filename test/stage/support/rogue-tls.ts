// TLS connections with all that a process needs to take them: a test may change their secrets first.

import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import { onTestFinished } from 'vitest'
import { identities } from '../../support/tls/identities.ts'
import { versionOf } from '../../support/tls/key-log.ts'
import { plainly, RecordClient, type RecordPlan } from '../../support/tls/record-client.ts'
import { isTls13, type Suite, suiteNamed } from '../../support/tls/reference.ts'
import type { Secrets } from '../../support/tls/secrets.ts'

/** A TLS connection after its handshake: the server's end is not read by anything. */
export interface Handshaken {
  client: RecordClient
  /** What the client heard in clear text. */
  heard(): string
  /** The server's end; owned by this side. */
  fd: number
  /** Those of the server. */
  secrets: Secrets
  /** Closes this side's descriptor: the connection ends with that of the process that has taken it. */
  release(): void
}

interface HandshakenOptions {
  /** Defaults to TLS_AES_128_GCM_SHA256. */
  suite?: Suite
  /** When the client changes its keys. */
  updates?: RecordPlan['updates']
}

/** Makes a handshake. */
export async function handshaken({
  suite = suiteNamed('TLS_AES_128_GCM_SHA256'),
  updates = plainly.updates,
}: HandshakenOptions = {}): Promise<Handshaken> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = { port, version: versionOf(suite), cipher: suite.name }
  const client = new RecordClient(options, { ...plainly, updates })
  onTestFinished(() => void client.destroy())
  client.on('error', () => {})
  let heard = ''
  client.on('data', (data) => {
    heard += data
  })
  const [raw] = (await once(server, 'connection')) as [Socket]
  server.close()
  const secureContext = tls.createSecureContext(identities)
  const socket = new tls.TLSSocket(raw, { isServer: true, secureContext })
  await Promise.all([once(client, 'connect'), once(socket, 'secure')])
  const handle = (raw as unknown as { _handle: { fd: number; readStop(): void } })._handle
  handle.readStop()
  onTestFinished(() => void raw.destroy())
  const { read, write } = client.keys
  return {
    client,
    heard: () => heard,
    fd: handle.fd,
    release: () => void raw.destroy(),
    secrets: {
      version: suite.version,
      suite: suite.id,
      read: { secret: Buffer.from(write.secret), sequence: write.sequence },
      write: { secret: Buffer.from(read.secret), ...firstOf(suite) },
    },
  }
}

/** The numbers of the server's next record: two tickets of TLS 1.3 come first, or the Finished of TLS 1.2. */
function firstOf(suite: Suite): { sequence: bigint; explicitNonce: bigint } {
  // OpenSSL has begun elsewhere: no nonce comes again.
  return isTls13(suite)
    ? { sequence: 2n, explicitNonce: 0n }
    : { sequence: 1n, explicitNonce: 1n << 63n }
}
