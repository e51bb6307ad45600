// Seals what a connection writes: data, alerts and KeyUpdates.

import type { TlsRecords } from '../io/native/tls-records.ts'
import { alertLevels } from './alerts.ts'
import { contentTypes, TLS_1_3 } from './content-types.ts'
import { keyUpdateRequest, messageTypes } from './handshake-reader.ts'

const keyUpdate = Buffer.of(messageTypes.keyUpdate, 0, 0, 1, keyUpdateRequest.notRequested)

const nothing = Buffer.alloc(0)

/**
 * How many records one key of AES-GCM may seal: 2^24.5 (RFC 8446, section 5.5), without as many as one write could
 * have.
 */
const longestUseOfAesGcm = Math.floor(2 ** 24.5) - 2 ** 14

const TLS_CHACHA20_POLY1305_SHA256 = 0x1303

/**
 * Seals in one direction.
 *
 * @remarks A key of TLS 1.3 with AES-GCM is replaced in time. ChaCha20-Poly1305 has no limit that sequence numbers would not reach
 * first (RFC 8446, section 5.5). TLS 1.2 cannot replace a key, and OpenSSL has no limit for it: as there, a connection
 * ends with its sequence numbers.
 */
export class RecordWriter {
  readonly #records: TlsRecords
  /** Records that the key may still seal before it is replaced. */
  #left: number
  #owesKeyUpdate: boolean

  constructor(records: TlsRecords) {
    this.#records = records
    const [, , , sequence, owes] = records.progress()
    this.#left = longestUse(records) - sequence
    this.#owesKeyUpdate = owes === 1
  }

  /** The peer asks for a KeyUpdate. It goes before the next data. */
  owe(): void {
    this.#owesKeyUpdate = true
    this.#records.owesKeyUpdate = true
  }

  /** Returns a record with the KeyUpdate that is owed. What is sealed later has the next key. */
  owedKeyUpdate(): Buffer | undefined {
    if (!this.#owesKeyUpdate) return undefined
    const sealed = Buffer.allocUnsafe(this.#records.sealedSize(keyUpdate.length))
    this.#update(sealed)
    return sealed
  }

  /**
   * Returns whole records with this data; nothing for no data.
   *
   * @param room - where they are written, if they fit there. Without it, or if they do not, in new memory.
   */
  seal(data: Uint8Array | readonly Uint8Array[], room?: Buffer): Buffer {
    const length = lengthOf(data)
    if (length === 0) return nothing
    const records = this.#records
    const updates = this.#owesKeyUpdate || this.#left <= 0
    const size = records.sealedSize(length) + (updates ? records.sealedSize(keyUpdate.length) : 0)
    const fits = room !== undefined && size <= room.length
    const sealed = fits ? room.subarray(0, size) : Buffer.allocUnsafe(size)
    const at = updates ? this.#update(sealed) : 0
    records.seal(contentTypes.applicationData, data, sealed, at)
    this.#left -= records.recordsOf(length)
    return sealed
  }

  /** Returns a record with an alert. */
  alert(description: number, level: number = alertLevels.fatal): Buffer {
    const sealed = Buffer.allocUnsafe(this.#records.sealedSize(2))
    this.#records.seal(contentTypes.alert, Buffer.of(level, description), sealed, 0)
    return sealed
  }

  /** Writes a KeyUpdate and replaces the key. Returns the size of the record. */
  #update(output: Buffer): number {
    const size = this.#records.seal(contentTypes.handshake, keyUpdate, output, 0)
    this.#records.updateWrite()
    if (this.#owesKeyUpdate) this.#records.owesKeyUpdate = false
    this.#owesKeyUpdate = false
    this.#left = longestUse(this.#records)
    return size
  }
}

function longestUse({ version, suite }: TlsRecords): number {
  const limited = version === TLS_1_3 && suite !== TLS_CHACHA20_POLY1305_SHA256
  return limited ? longestUseOfAesGcm : Number.POSITIVE_INFINITY
}

function lengthOf(data: Uint8Array | readonly Uint8Array[]): number {
  if (data instanceof Uint8Array) return data.length
  let length = 0
  for (const part of data) length += part.length
  return length
}
