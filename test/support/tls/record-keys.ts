// The protection of TLS records on node:crypto, beside the one under test: RFC 8446 5.2, RFC 5288, RFC 7905.

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const ciphers = {
  AES_128_GCM: ['aes-128-gcm', 16],
  AES_256_GCM: ['aes-256-gcm', 32],
  CHACHA20_POLY1305: ['chacha20-poly1305', 32],
} as const

const TAG_BYTES = 16

/** Content types of records. */
export const contentType = { cipher: 20, alert: 21, handshake: 22, data: 23 } as const

export interface OpenedRecord {
  type: number
  data: Buffer
}

/** One direction of a connection. */
export interface RecordKeys {
  /** @param padding - bytes of it, if the version has any. */
  seal(type: number, data: Buffer, padding?: number): Buffer
  /** Opens a whole record; throws if it is not authentic. */
  open(record: Buffer): OpenedRecord
  /** Goes on to the next keys. */
  update(): void
}

/** Of a suite, by its name in the registry of IANA. */
function suiteOf(name: string) {
  const cipher = Object.entries(ciphers).find(([key]) => name.includes(key))?.[1]
  if (cipher === undefined) throw new Error(`cannot speak ${name}`)
  const hash = name.endsWith('SHA384') ? 'sha384' : 'sha256'
  return { algorithm: cipher[0], keyBytes: cipher[1], hash, isGcm: name.includes('GCM') }
}

function hmac(hash: string, key: Buffer, ...parts: (Buffer | string)[]): Buffer {
  const mac = createHmac(hash, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** HKDF-Expand-Label without a context: RFC 8446, 7.1. */
function expandLabel(hash: string, secret: Buffer, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([bytes >> 8, bytes & 255, name.length]), name, zero])
  const blocks: Buffer[] = []
  for (let last = Buffer.alloc(0), count = 1; blocks.length * 32 < bytes; count++) {
    last = hmac(hash, secret, last, info, Buffer.from([count])) as typeof last
    blocks.push(last)
  }
  return Buffer.concat(blocks).subarray(0, bytes)
}
const zero = Buffer.from([0])

/** The nonce of all but AES-GCM in TLS 1.2. */
function mixed(iv: Buffer, sequence: bigint): Buffer {
  const nonce = Buffer.from(iv)
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ sequence, 4)
  return nonce
}

interface Protected {
  algorithm: string
  key: Buffer
  nonce: Buffer
  head: Buffer
}

function encrypt({ algorithm, key, nonce, head }: Protected, text: Buffer): Buffer {
  const options = { authTagLength: TAG_BYTES }
  const cipher = createCipheriv(algorithm as 'aes-128-gcm', key, nonce, options)
  cipher.setAAD(head, { plaintextLength: text.length })
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
}

function decrypt({ algorithm, key, nonce, head }: Protected, sealed: Buffer): Buffer {
  const options = { authTagLength: TAG_BYTES }
  const decipher = createDecipheriv(algorithm as 'aes-128-gcm', key, nonce, options)
  const text = sealed.subarray(0, -TAG_BYTES)
  decipher.setAAD(head, { plaintextLength: text.length })
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(text), decipher.final()])
}

/** TLS 1.3, from a traffic secret. */
export class Keys13 implements RecordKeys {
  readonly #suite: ReturnType<typeof suiteOf>
  #secret: Buffer
  #key = zero
  #iv = zero
  #sequence = 0n

  constructor(suite: string, secret: Buffer) {
    this.#suite = suiteOf(suite)
    this.#secret = secret
    this.#derive()
  }

  seal(type: number, data: Buffer, padding = 0): Buffer {
    const inner = Buffer.concat([data, Buffer.from([type]), Buffer.alloc(padding)])
    const bytes = inner.length + TAG_BYTES
    const head = Buffer.from([contentType.data, 3, 3, bytes >> 8, bytes & 255])
    return Buffer.concat([head, encrypt(this.#next(head), inner)])
  }

  open(record: Buffer): OpenedRecord {
    if (record[0] !== contentType.data) throw new Error(`clear text: ${record.toString('latin1')}`)
    const inner = decrypt(this.#next(record.subarray(0, 5)), record.subarray(5))
    const end = inner.findLastIndex((byte) => byte !== 0)
    return { type: inner[end] as number, data: inner.subarray(0, end) }
  }

  update(): void {
    this.#secret = expandLabel(this.#suite.hash, this.#secret, 'traffic upd', this.#secret.length)
    this.#derive()
  }

  #next(head: Buffer): Protected {
    const nonce = mixed(this.#iv, this.#sequence++)
    return { algorithm: this.#suite.algorithm, key: this.#key, nonce, head }
  }

  #derive(): void {
    const { hash, keyBytes } = this.#suite
    this.#key = expandLabel(hash, this.#secret, 'key', keyBytes) as typeof zero
    this.#iv = expandLabel(hash, this.#secret, 'iv', 12) as typeof zero
    this.#sequence = 0n
  }
}

/** TLS 1.2; the Finished of the handshake was record 0. */
export class Keys12 implements RecordKeys {
  readonly #suite: ReturnType<typeof suiteOf>
  readonly #key: Buffer
  readonly #iv: Buffer
  #sequence = 1n
  /** Any number that does not come again; OpenSSL begins anywhere, too. */
  #explicit = randomBytes(8).readBigUInt64BE()

  constructor(suite: string, key: Buffer, iv: Buffer) {
    this.#suite = suiteOf(suite)
    this.#key = key
    this.#iv = iv
  }

  /** Of client and server, from the master secret: RFC 5246, 6.3. */
  static both(suite: string, master: Buffer, seed: { client: Buffer; server: Buffer }) {
    const { hash, keyBytes, isGcm } = suiteOf(suite)
    const ivBytes = isGcm ? 4 : 12
    const label = Buffer.concat([Buffer.from('key expansion'), seed.server, seed.client])
    const blocks: Buffer[] = []
    for (let a = hmac(hash, master, label); blocks.length < 4; a = hmac(hash, master, a)) {
      blocks.push(hmac(hash, master, a, label))
    }
    const block = Buffer.concat(blocks)
    const key = (index: number) => block.subarray(index * keyBytes, (index + 1) * keyBytes)
    const iv = (index: number) => {
      const from = 2 * keyBytes + index * ivBytes
      return block.subarray(from, from + ivBytes)
    }
    return { client: new Keys12(suite, key(0), iv(0)), server: new Keys12(suite, key(1), iv(1)) }
  }

  seal(type: number, data: Buffer): Buffer {
    const explicit = this.#explicitNonce()
    const sealed = encrypt(this.#next(type, data.length, explicit), data)
    const bytes = explicit.length + sealed.length
    const head = Buffer.from([type, 3, 3, bytes >> 8, bytes & 255])
    return Buffer.concat([head, explicit, sealed])
  }

  open(record: Buffer): OpenedRecord {
    const type = record[0] as number
    const from = this.#suite.isGcm ? 13 : 5
    const sealed = record.subarray(from)
    const explicit = record.subarray(5, from)
    const data = decrypt(this.#next(type, sealed.length - TAG_BYTES, explicit), sealed)
    return { type, data }
  }

  update(): void {
    throw new Error('TLS 1.2 has no KeyUpdate')
  }

  #explicitNonce(): Buffer {
    const explicit = Buffer.alloc(this.#suite.isGcm ? 8 : 0)
    if (this.#suite.isGcm) explicit.writeBigUInt64BE(this.#explicit)
    this.#explicit = BigInt.asUintN(64, this.#explicit + 1n)
    return explicit
  }

  #next(type: number, bytes: number, explicit: Buffer): Protected {
    const sequence = this.#sequence++
    const head = Buffer.alloc(13)
    head.writeBigUInt64BE(sequence)
    head.set([type, 3, 3, bytes >> 8, bytes & 255], 8)
    const nonce = this.#suite.isGcm
      ? Buffer.concat([this.#iv, explicit])
      : mixed(this.#iv, sequence)
    return { algorithm: this.#suite.algorithm, key: this.#key, nonce, head }
  }
}
