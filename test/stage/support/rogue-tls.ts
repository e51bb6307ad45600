// An old process by hand that hands over TLS connections, with secrets that a test has written itself.

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import { onTestFinished } from 'vitest'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { plainly, RecordClient, type RecordPlan } from '../../support/tls/record-client.ts'
import { tls as identity } from './tls.ts'

/** A TLS connection after its handshake: the server's end is not read by anything. */
export interface Handshaken {
  client: RecordClient
  /** What the client heard in clear text. */
  heard(): string
  /** The server's end; owned by this side. */
  fd: number
  secrets: Secrets
  /** Closes this side's descriptor: the connection ends with that of the process that has taken it. */
  release(): void
}

/** One direction of {@link Secrets}. */
interface Direction {
  secret: Buffer
  sequence: bigint
}

export interface Secrets {
  version: number
  suite: number
  read: Direction
  write: Direction
}

/** Tickets that a server of TLS 1.3 sends after the handshake: its first records. */
const TICKETS = 2n

/**
 * Makes a handshake with TLS_AES_128_GCM_SHA256.
 *
 * @param updates - when the client changes its keys.
 */
export async function handshaken(
  updates: RecordPlan['updates'] = plainly.updates,
): Promise<Handshaken> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new RecordClient(
    { port, version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
    { ...plainly, updates },
  )
  onTestFinished(() => void client.destroy())
  client.on('error', () => {})
  let heard = ''
  client.on('data', (data) => {
    heard += data
  })
  const [raw] = (await once(server, 'connection')) as [Socket]
  server.close()
  const secureContext = tls.createSecureContext(identity)
  const socket = new tls.TLSSocket(raw, { isServer: true, secureContext })
  const secrets = new Map<string, Buffer>()
  socket.on('keylog', (line: Buffer) => {
    const [label = '', , secret = ''] = `${line}`.trim().split(' ')
    secrets.set(label, Buffer.from(secret, 'hex'))
  })
  await Promise.all([once(client, 'connect'), once(socket, 'secure')])
  const handle = (raw as unknown as { _handle: { fd: number; readStop(): void } })._handle
  handle.readStop()
  onTestFinished(() => void raw.destroy())
  const secret = (label: string) => Buffer.from(secrets.get(label) ?? [])
  return {
    client,
    heard: () => heard,
    fd: handle.fd,
    release: () => void raw.destroy(),
    secrets: {
      version: 0x0304,
      suite: 0x1301,
      read: { secret: secret('CLIENT_TRAFFIC_SECRET_0'), sequence: 0n },
      write: { secret: secret('SERVER_TRAFFIC_SECRET_0'), sequence: TICKETS },
    },
  }
}

/** Bytes before the first entry, and of each; where the number of entries is. See docs/protocol.md. */
export const layout = { head: 16, count: 12, entry: 136 } as const

/** One entry of the file, as docs/protocol.md has it. */
export function entryOf({ version, suite, read, write }: Secrets): Buffer {
  const entry = Buffer.alloc(layout.entry)
  entry.writeUInt16LE(version, 0)
  entry.writeUInt16LE(suite, 2)
  entry.writeUInt8(1, 4)
  for (const [{ secret, sequence }, at] of [
    [read, 8],
    [write, 72],
  ] as const) {
    secret.copy(entry, at)
    entry.writeBigUInt64LE(sequence, at + 48)
  }
  return entry
}

/** A file with these entries, not sealed yet. Its descriptor is closed with the test. */
export function fileOf(entries: readonly Buffer[]): SecretsFile {
  const file = SecretsFile.create(entries.length)
  onTestFinished(() => file.release())
  for (const [index, entry] of entries.entries()) {
    writeSync(file.fd, entry, 0, entry.length, layout.head + index * layout.entry)
  }
  return file
}
