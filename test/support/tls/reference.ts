// The record layer of TLS 1.2 and 1.3 a second time, with node:crypto and as the RFCs have it: one cipher for each
// record. Tests compare the real one with it.

import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createHmac,
  type DecipherGCM,
} from 'node:crypto'

export interface Suite {
  readonly version: number
  readonly id: number
  /** Of OpenSSL. */
  readonly name: string
  /** Of IANA. */
  readonly standardName: string
  readonly cipher: string
  readonly hash: 'sha256' | 'sha384'
}

/** Content types of records. */
export const contentType = { cipher: 20, alert: 21, handshake: 22, data: 23 } as const

export interface OpenedRecord {
  readonly type: number
  readonly data: Buffer
}

type Protection = Pick<Suite, 'cipher' | 'hash'>
const aes128: Protection = { cipher: 'aes-128-gcm', hash: 'sha256' }
const aes256: Protection = { cipher: 'aes-256-gcm', hash: 'sha384' }
const chacha20: Protection = { cipher: 'chacha20-poly1305', hash: 'sha256' }

function suite13(id: number, name: string, protection: Protection): Suite {
  return { version: 0x0304, id, name, standardName: name, ...protection }
}

function suite12(id: number, name: string, standardName: string, protection: Protection): Suite {
  return { version: 0x0303, id, name, standardName, ...protection }
}

/** All that can move. */
export const suites: readonly Suite[] = [
  suite13(0x1301, 'TLS_AES_128_GCM_SHA256', aes128),
  suite13(0x1302, 'TLS_AES_256_GCM_SHA384', aes256),
  suite13(0x1303, 'TLS_CHACHA20_POLY1305_SHA256', chacha20),
  ...(['ECDSA', 'RSA'] as const).flatMap((key) => {
    const [id128, id256, idChaCha] =
      key === 'RSA' ? [0xc02f, 0xc030, 0xcca8] : [0xc02b, 0xc02c, 0xcca9]
    const [short, long] = [`ECDHE-${key}`, `TLS_ECDHE_${key}_WITH`]
    return [
      suite12(id128, `${short}-AES128-GCM-SHA256`, `${long}_AES_128_GCM_SHA256`, aes128),
      suite12(id256, `${short}-AES256-GCM-SHA384`, `${long}_AES_256_GCM_SHA384`, aes256),
      suite12(idChaCha, `${short}-CHACHA20-POLY1305`, `${long}_CHACHA20_POLY1305_SHA256`, chacha20),
    ]
  }),
]

/** Returns a suite by its name in OpenSSL. */
export function suiteNamed(name: string): Suite {
  const suite = suites.find((suite) => suite.name === name)
  if (suite === undefined) throw new Error(`cannot speak ${name}`)
  return suite
}

/** Returns a suite by its numbers. */
export function suiteOf(version: number, id: number): Suite {
  const suite = suites.find((suite) => suite.version === version && suite.id === id)
  if (suite === undefined) throw new Error(`cannot speak ${id.toString(16)}`)
  return suite
}

const keyLength = (suite: Suite) => (suite.cipher === 'aes-128-gcm' ? 16 : 32)
const hashLength = (suite: Suite) => (suite.hash === 'sha384' ? 48 : 32)
export const isTls13 = (suite: Suite) => suite.version === 0x0304
const hasExplicitNonce = (suite: Suite) => !isTls13(suite) && suite.cipher !== 'chacha20-poly1305'
const ivLength = (suite: Suite) => (hasExplicitNonce(suite) ? 4 : 12)
/** Of struct TlsDirection. */
export const secretLength = (suite: Suite) =>
  isTls13(suite) ? hashLength(suite) : keyLength(suite) + ivLength(suite)

const hmac = (suite: Suite, key: Uint8Array, data: Uint8Array) =>
  createHmac(suite.hash, key).update(data).digest()

/** HKDF-Expand-Label of RFC 8446, section 7.1, without a context and for at most one block. */
function expandLabel(suite: Suite, secret: Uint8Array, label: string, length: number) {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0, 1)])
  return hmac(suite, secret, info).subarray(0, length)
}

const nextSecret = (suite: Suite, secret: Uint8Array) =>
  expandLabel(suite, secret, 'traffic upd', hashLength(suite))

/** The secrets of both directions of TLS 1.2, each a key and its IV (RFC 5246, sections 5 and 6.3). */
export function keyBlock(suite: Suite, master: Uint8Array, client: Uint8Array, server: Uint8Array) {
  const seed = Buffer.concat([Buffer.from('key expansion'), server, client])
  let a = hmac(suite, master, seed)
  let block = Buffer.alloc(0)
  while (block.length < 2 * secretLength(suite)) {
    block = Buffer.concat([block, hmac(suite, master, Buffer.concat([a, seed]))])
    a = hmac(suite, master, a)
  }
  const [key, iv] = [keyLength(suite), ivLength(suite)]
  const part = (side: 0 | 1) =>
    Buffer.concat([
      block.subarray(side * key, (side + 1) * key),
      block.subarray(2 * key + side * iv, 2 * key + (side + 1) * iv),
    ])
  return { client: part(0), server: part(1) }
}

/** The records of one direction. */
export class ReferenceHalf {
  readonly suite: Suite
  secret: Buffer
  sequence: bigint
  explicitNonce: bigint

  constructor(suite: Suite, secret: Uint8Array, sequence = 0n, explicitNonce = 0n) {
    this.suite = suite
    this.secret = Buffer.from(secret)
    this.sequence = sequence
    this.explicitNonce = explicitNonce
  }

  update(): void {
    this.secret = nextSecret(this.suite, this.secret)
    this.sequence = 0n
  }

  /** `padding`: zeros after the content type (TLS 1.3). */
  seal(type: number, data: Uint8Array, padding = 0): Buffer {
    const { suite } = this
    const content = isTls13(suite)
      ? Buffer.concat([data, Buffer.of(type), Buffer.alloc(padding)])
      : data
    return this.sealContent(isTls13(suite) ? contentType.data : type, content)
  }

  /** Seals content that may be wrong. */
  sealContent(type: number, content: Uint8Array): Buffer {
    const explicit = hasExplicitNonce(this.suite)
      ? bigEndian(this.explicitNonce++)
      : Buffer.alloc(0)
    const header = Buffer.of(type, 3, 3, 0, 0)
    header.writeUInt16BE(content.length + explicit.length + 16, 3)
    const cipher = createCipheriv(
      this.suite.cipher as CipherGCMTypes,
      this.#key(),
      this.#nonce(explicit),
      { authTagLength: 16 },
    )
    cipher.setAAD(this.#associated(header, content.length), { plaintextLength: content.length })
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
    this.sequence++
    return Buffer.concat([header, explicit, encrypted, cipher.getAuthTag()])
  }

  /** Opens one record, and takes the padding off. */
  open(record: Buffer): OpenedRecord {
    if (isTls13(this.suite) && record[0] !== contentType.data) {
      throw new Error(`clear text: ${record.toString('latin1')}`)
    }
    const header = record.subarray(0, 5)
    const explicit = record.subarray(5, hasExplicitNonce(this.suite) ? 13 : 5)
    const encrypted = record.subarray(5 + explicit.length, -16)
    const decipher = createDecipheriv(
      this.suite.cipher as CipherGCMTypes,
      this.#key(),
      this.#nonce(explicit),
      { authTagLength: 16 },
    ) as DecipherGCM
    decipher.setAAD(this.#associated(header, encrypted.length), {
      plaintextLength: encrypted.length,
    })
    decipher.setAuthTag(record.subarray(-16))
    const data = Buffer.concat([decipher.update(encrypted), decipher.final()])
    this.sequence++
    if (!isTls13(this.suite)) return { type: header[0] as number, data }
    let end = data.length - 1
    while (data[end] === 0) end--
    return { type: data[end] as number, data: data.subarray(0, end) }
  }

  #key(): Buffer {
    const length = keyLength(this.suite)
    return isTls13(this.suite)
      ? expandLabel(this.suite, this.secret, 'key', length)
      : this.secret.subarray(0, length)
  }

  #nonce(explicit: Uint8Array): Buffer {
    const { suite } = this
    const iv = isTls13(suite)
      ? expandLabel(suite, this.secret, 'iv', 12)
      : this.secret.subarray(keyLength(suite), secretLength(suite))
    if (explicit.length > 0) return Buffer.concat([iv, explicit])
    const nonce = Buffer.from(iv)
    const sequence = bigEndian(this.sequence)
    for (const [i, byte] of sequence.entries())
      nonce.writeUInt8(nonce.readUInt8(4 + i) ^ byte, 4 + i)
    return nonce
  }

  #associated(header: Buffer, length: number): Buffer {
    if (isTls13(this.suite)) return header
    const lengthBytes = Buffer.of(length >> 8, length & 255)
    return Buffer.concat([bigEndian(this.sequence), header.subarray(0, 3), lengthBytes])
  }
}

function bigEndian(number: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(number)
  return bytes
}
