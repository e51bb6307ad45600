// TLS connections that OpenSSL serves in this process: how many bytes their records have, and their
// secrets, which go into a file without coming to JavaScript.

import { constants } from 'node:os'
import { check, loadNative } from './addon.ts'

/**
 * Why a connection cannot move.
 *
 * @remarks In the order of `TlsObstacle` in `native/tls_counts.h`:
 * `handshake`: it is not over, or went on afterwards (a client certificate on demand);
 * `renegotiated`: there was, or will be, a second handshake;
 * `alert`: an alert has come or gone, so the connection ends;
 * `nonce`: the explicit nonces of TLS 1.2 do not count up by one;
 * `version`: neither TLS 1.2 nor 1.3;
 * `suite`: the records of its cipher suite cannot be read by the new process (CBC, CCM);
 * `early-data`: 0-RTT;
 * `compressed`;
 * `fragment`: the client has negotiated shorter records (RFC 6066, section 4);
 * `secrets`: OpenSSL did not report them.
 */
const obstacles = [
  undefined,
  'handshake',
  'renegotiated',
  'alert',
  'nonce',
  'version',
  'suite',
  'early-data',
  'compressed',
  'fragment',
  'secrets',
] as const

export type TlsObstacle = NonNullable<(typeof obstacles)[number]>

export interface TlsCounts {
  /** Bytes of all records that came, with their headers. */
  readonly read: number
  /** Bytes of all records that went. */
  readonly written: number
  /** Why the connection cannot move; undefined if it can. */
  readonly obstacle: TlsObstacle | undefined
  /**
   * Whether OpenSSL has nothing half read: no part of a record or message, no data that the program has
   * not got.
   *
   * @remarks It does not know what the socket has: compare {@link read} and {@link written} with the
   * bytes of the kernel.
   */
  readonly atRest: boolean
  /** 0x0303 or 0x0304. */
  readonly version: number
  /** The number of the cipher suite, as IANA assigned it. */
  readonly suite: number
  /** The number of the next record that comes, under its current key. */
  readonly readSequence: number
  readonly writtenSequence: number
  /** KeyUpdates of both directions. */
  readonly keyUpdates: number
}

/**
 * Follows the TLS connections of all secure contexts that are made from now on, in all threads. Further
 * calls have no effect.
 *
 * @returns why this process cannot; undefined if it can.
 * @remarks Contexts that were made before are not followed, and neither are their connections.
 * @internal
 */
export function countTlsRecords(): string | undefined {
  const name = new Uint8Array(64)
  const length = check(loadNative().watchTls(name), 'CRYPTO_get_ex_new_index')
  if (length === 0) return undefined
  const missing = Buffer.from(name.buffer, 0, length).toString()
  return missing === 'OpenSSL 3'
    ? `this Node.js is not built with OpenSSL 3 (${process.versions.openssl ?? 'none'})`
    : `this Node.js does not offer ${missing} to addons`
}

// No other code runs between a call and the reading: one array serves all calls.
const numbers = new Float64Array(9)

const NOT_FOUND = -constants.errno.ENOENT

/**
 * Returns the counts of a connection.
 *
 * @param finished - its own Finished message: `tlsSocket.getFinished()`.
 * @returns undefined if it is not followed: its secure context is older than {@link countTlsRecords}, it is
 * that of a client, or of another thread.
 * @internal
 */
export function tlsCountsOf(finished: Uint8Array): TlsCounts | undefined {
  const result = loadNative().readTlsCounts(finished, numbers)
  if (result === NOT_FOUND) return undefined
  check(result, 'SSL_get_ex_data')
  const [read = 0, written = 0, obstacle = 0, atRest, version = 0, suite = 0] = numbers
  const [, , , , , , readSequence = 0, writtenSequence = 0, keyUpdates = 0] = numbers
  return {
    read,
    written,
    obstacle: obstacles[obstacle],
    atRest: atRest === 1,
    version,
    suite,
    readSequence,
    writtenSequence,
    keyUpdates,
  }
}

/**
 * Copies the secrets of a connection and its sequence numbers into a file.
 *
 * @param finished - `tlsSocket.getFinished()`.
 * @param fd - that of a {@link SecretsFile}.
 * @param index - which of its entries.
 * @throws a system error: `ENOENT` if the connection is not followed, `EPERM` if there is an obstacle,
 * `EINVAL` if the file has no such entry.
 * @internal
 */
export function writeTlsSecrets(finished: Uint8Array, fd: number, index: number): void {
  check(loadNative().writeTlsSecretsOf(finished, fd, index), 'write')
}

/**
 * Returns how many connections are followed in this process now, also those in a handshake.
 *
 * @internal
 */
export function countWatchedTls(): number {
  return loadNative().watchedTls()
}
