// The records of one TLS connection, by the native core and OpenSSL: opens and seals whole buffers.

import { check, loadNative } from './addon.ts'
import type { NativeTlsRecords, Parts } from './native-tls-records.ts'
import type { SecretsFile } from './tls-secrets.ts'

/**
 * How far a connection has come since its secrets were written to their file: five numbers that are no secrets.
 *
 * @remarks KeyUpdates that were read, sequence number of the next record to read, the same two for writing, and
 * 1 if a KeyUpdate is owed.
 */
export type TlsProgress = readonly [
  readUpdates: number,
  readSequence: number,
  writeUpdates: number,
  writeSequence: number,
  owesKeyUpdate: number,
]

/** The result of {@link TlsRecords.open}. It is overwritten by the next call. */
export interface OpenedRecords {
  /** Where the first record begins that is not opened. */
  readonly end: number
  readonly dataOffset: number
  readonly dataLength: number
  /** Content type of the record after the data that is not application data; −1 if there is none. */
  readonly type: number
  readonly offset: number
  readonly length: number
  /** The alert for the record at `end` if it is refused, else 0. */
  readonly alert: number
  /** OpenSSL's number for the reason. */
  readonly reason: number
  /** The size of the record at `end`, which is not complete. 0 if its header is not. */
  readonly begun: number
}

/**
 * One connection's records in both directions.
 *
 * @remarks Has the secrets in native memory, and wipes them when it is collected or {@link TlsRecords.wipe} is
 * called. Its ciphers are made at their first use.
 */
export class TlsRecords {
  readonly #native: NativeTlsRecords
  readonly #facts = new Int32Array(9)
  readonly version: number
  readonly suite: number
  /** By how many bytes a record is longer than its data. */
  readonly overhead: number

  /**
   * Takes over the secrets of connection `index` of the file.
   *
   * @throws a system error: `EPROTO` if they are malformed, `ENOTSUP` if this process has no OpenSSL that fits.
   */
  constructor(file: Pick<SecretsFile, 'fd'>, index: number) {
    this.#native = new (loadNative().TlsRecords)(file.fd, index)
    const suite = check(this.#native.suite(), 'read')
    this.version = suite >>> 16
    this.suite = suite & 0xffff
    this.overhead = this.#native.overhead()
  }

  /**
   * Opens the records of a buffer in place, from an offset on. Stops after one that is not application data,
   * and before one that is refused or not complete.
   *
   * @throws a system error: `ECANCELED` after {@link TlsRecords.wipe}.
   */
  open(bytes: Uint8Array, from: number): OpenedRecords {
    const facts = this.#facts
    check(this.#native.open(bytes, from, facts), 'read')
    return {
      end: from + (facts[0] as number),
      dataOffset: facts[1] as number,
      dataLength: facts[2] as number,
      type: facts[3] as number,
      offset: facts[4] as number,
      length: facts[5] as number,
      alert: facts[6] as number,
      reason: facts[7] as number,
      begun: facts[8] as number,
    }
  }

  /** The size of what {@link TlsRecords.seal} writes for so many bytes. */
  sealedSize(bytes: number): number {
    return bytes + this.recordsOf(bytes) * this.overhead
  }

  /** How many records {@link TlsRecords.seal} makes of so many bytes. */
  recordsOf(bytes: number): number {
    return Math.max(1, Math.ceil(bytes / maxPlaintext))
  }

  /**
   * Writes records with all of `parts` to `output`, from an offset on.
   *
   * @returns their size.
   * @throws a system error: `ENOBUFS` if there is no room, `EOVERFLOW` if no sequence number is left, `ENOTSUP`
   * if OpenSSL fails, `ECANCELED` after {@link TlsRecords.wipe}.
   */
  seal(type: number, parts: Parts, output: Uint8Array, from: number): number {
    return check(this.#native.seal(type, parts, output, from), 'write')
  }

  /** Goes on to the next secret of the peer, after its KeyUpdate (TLS 1.3). */
  updateRead(): void {
    check(this.#native.updateRead(), 'read')
  }

  /** Goes on to the next secret of this side, after its KeyUpdate (TLS 1.3). */
  updateWrite(): void {
    check(this.#native.updateWrite(), 'write')
  }

  /** Whether the peer has asked for a KeyUpdate that is not written. */
  set owesKeyUpdate(owes: boolean) {
    check(this.#native.setOwesKeyUpdate(Number(owes)), 'write')
  }

  progress(): TlsProgress {
    const progress = new Float64Array(5)
    check(this.#native.progress(progress), 'read')
    return [...progress] as unknown as TlsProgress
  }

  /**
   * Goes on to where another process has come that began with the same secrets.
   *
   * @remarks Derives a secret for each KeyUpdate, about 4 µs: at most 32 in each direction.
   * @throws a system error: `EINVAL` if the numbers are behind those of this object, are none, or have more KeyUpdates. Wipe the
   * records then.
   */
  advance(progress: TlsProgress): void {
    check(this.#native.advance(Float64Array.from(progress)), 'read')
  }

  /** Writes the secrets as they are now to a file that is not sealed. They stay here, too. */
  writeSecrets(file: Pick<SecretsFile, 'fd'>, index: number): void {
    check(this.#native.writeSecrets(file.fd, index), 'write')
  }

  /** Overwrites the secrets. Opens and seals nothing afterwards. */
  wipe(): void {
    this.#native.wipe()
  }
}

/** RFC 8446, section 5.1. */
const maxPlaintext = 16_384

/**
 * Returns OpenSSL's text for a reason of its `SSL_R_` numbers: "error:0A000119:SSL routines::decryption failed or
 * bad record mac".
 */
export function describeTlsReason(reason: number): string {
  const text = Buffer.alloc(256)
  return text.toString('latin1', 0, check(loadNative().describeTlsReason(reason, text), 'read'))
}
