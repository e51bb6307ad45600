// A TLS connection over a proxy that keeps its bytes; and its records, opened with the secrets that the
// native core wrote into a file. Of the core, nothing else is used here.

import { createDecipheriv, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'

export interface Wire {
  readonly port: number
  /** What the client and the server have sent. */
  readonly fromClient: () => Buffer
  readonly fromServer: () => Buffer
  /** What the client sends goes on to the server up to here: in bytes from the first one on. */
  limit: number
  close(): void
}

/** Listens for one connection, and passes it on to a server. */
export async function openWire(port: number): Promise<Wire> {
  const chunks: Record<'client' | 'server', Buffer> = {
    client: Buffer.alloc(0),
    server: Buffer.alloc(0),
  }
  let limit = Number.POSITIVE_INFINITY
  let passed = 0
  let target: net.Socket | undefined
  const pass = () => {
    const next = chunks.client.subarray(passed, Math.min(limit, chunks.client.length))
    passed += next.length
    if (next.length > 0) target?.write(next)
  }
  const proxy = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    target = server
    client.on('data', (chunk) => {
      chunks.client = Buffer.concat([chunks.client, chunk])
      pass()
    })
    server.on('data', (chunk) => {
      chunks.server = Buffer.concat([chunks.server, chunk])
      client.write(chunk)
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    fromClient: () => chunks.client,
    fromServer: () => chunks.server,
    get limit() {
      return limit
    },
    set limit(bytes) {
      limit = bytes
      pass()
    },
    close: () => proxy.close(),
  }
}

export interface Direction {
  readonly secret: Buffer
  readonly sequence: bigint
  readonly nonce: bigint
}

export interface Secrets {
  readonly version: number
  readonly suite: number
  readonly owesKeyUpdate: boolean
  readonly read: Direction
  readonly written: Direction
}

/** Reads an entry of the file: the layout of `native/tls_secrets.h`, of this machine. */
export function readSecrets(fd: number, index = 0): Secrets {
  const bytes = Buffer.alloc(136)
  readSync(fd, bytes, 0, bytes.length, 16 + index * bytes.length)
  const direction = (at: number): Direction => ({
    secret: bytes.subarray(at, at + 48),
    sequence: bytes.readBigUInt64LE(at + 48),
    nonce: bytes.readBigUInt64LE(at + 56),
  })
  return {
    version: bytes.readUInt16LE(0),
    suite: bytes.readUInt16LE(2),
    owesKeyUpdate: bytes[5] === 1,
    read: direction(8),
    written: direction(72),
  }
}

interface Aead {
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'
  readonly keyBytes: number
  readonly hash: 'sha256' | 'sha384'
}

const aes128: Aead = { cipher: 'aes-128-gcm', keyBytes: 16, hash: 'sha256' }
const aes256: Aead = { cipher: 'aes-256-gcm', keyBytes: 32, hash: 'sha384' }
const chacha: Aead = { cipher: 'chacha20-poly1305', keyBytes: 32, hash: 'sha256' }
const suites: Record<number, Aead> = {
  4865: aes128,
  4866: aes256,
  4867: chacha,
  49195: aes128,
  49199: aes128,
  49196: aes256,
  49200: aes256,
  52392: chacha,
  52393: chacha,
}

/** HKDF-Expand-Label of RFC 8446, section 7.1, with an empty context. */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])])
  return createHmac(hash, secret).update(info).digest().subarray(0, length)
}

const number64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

/** Opens the one record that `record` is. Throws if key or sequence number are not right. */
export function openRecord(
  { version, suite }: Secrets,
  { secret, sequence }: Direction,
  record: Buffer,
): Buffer {
  const header = record.subarray(0, 5)
  if (record.length !== 5 + header.readUInt16BE(3)) throw new Error('this is not one record')
  const { cipher, keyBytes, hash } = suites[suite] as Aead
  const hashBytes = hash === 'sha384' ? 48 : 32
  const isTls13 = version === 0x0304
  const isExplicit = !isTls13 && cipher !== 'chacha20-poly1305'
  const traffic = secret.subarray(0, hashBytes)
  const key = isTls13 ? expandLabel(hash, traffic, 'key', keyBytes) : secret.subarray(0, keyBytes)
  const iv = isTls13 ? expandLabel(hash, traffic, 'iv', 12) : secret.subarray(keyBytes)
  const nonce = Buffer.concat([iv.subarray(0, 4), iv.subarray(4, 12)])
  const counted = number64(sequence)
  if (isExplicit) record.copy(nonce, 4, 5, 13)
  else for (let i = 0; i < 8; i++) nonce[4 + i] = (nonce[4 + i] ?? 0) ^ (counted[i] ?? 0)
  const sealed = record.subarray(isExplicit ? 13 : 5, -16)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(sealed.length)
  const data = isTls13 ? header : Buffer.concat([counted, header.subarray(0, 3), length])
  const opener = createDecipheriv(cipher as 'aes-128-gcm', key, nonce, { authTagLength: 16 })
  opener.setAAD(data, { plaintextLength: sealed.length })
  opener.setAuthTag(record.subarray(-16))
  const opened = Buffer.concat([opener.update(sealed), opener.final()])
  return isTls13 ? opened.subarray(0, -1) : opened
}

/** The explicit nonce of a record of TLS 1.2 with AES-GCM. */
export const explicitNonce = (record: Buffer) => record.readBigUInt64BE(5)
