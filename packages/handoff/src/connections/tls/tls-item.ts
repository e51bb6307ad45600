// What the new process needs to know of a TLS connection beside its secrets: all that an application may ask.

import type { TlsProgress } from '../../io/native/tls-records.ts'
import {
  type Check,
  type Checked,
  checked,
  count,
  flag,
  list,
  Mismatch,
  object,
  oneOf,
  optional,
  parsed,
  text,
} from '../../terms/checks.ts'
import { HandoffError } from '../../terms/errors.ts'
import { type CipherName, cipherNames } from './ciphers.ts'

const base64 = parsed('base64', (given) => {
  const bytes = Buffer.from(given, 'base64')
  return bytes.toString('base64') === given ? given : undefined
})

const progress = checked<TlsProgress>(
  'five whole numbers',
  (value) => Array.isArray(value) && value.length === 5 && value.every(isCount),
)

/** An item's field `tls`. What is absent is `false` or empty. */
export const checkTlsFields = object({
  /** IANA name of the cipher suite. */
  cipher: oneOf(...cipherNames),
  /** The name that the client asked for (SNI). */
  servername: optional(text),
  alpnProtocol: optional(text),
  authorized: optional(flag),
  authorizationError: optional(text),
  /** The client's certificate and those after it, as DER in base64. */
  peer: optional(list(base64)),
  isSessionReused: optional(flag),
  /** The Finished messages of the handshake, of this side and of the peer. */
  finished: optional(base64),
  peerFinished: optional(base64),
  /** How far the connection has come since its secrets were written. Absent: not at all. */
  progress: optional(progress),
})

export type TlsFields = Checked<{ cipher: (value: unknown, name: string) => CipherName }> &
  Omit<ReturnType<typeof checkTlsFields>, 'cipher'>

const checkTlsRest = object({ progress })

/** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL */
export function readTlsFields(item: unknown): TlsFields {
  return read(item, checkTlsFields)
}

/** Reads what the item of a rest must have. @throws as {@link readTlsFields}. */
export function readTlsProgress(item: unknown): TlsProgress {
  return read(item, checkTlsRest).progress
}

function read<T>(item: unknown, check: Check<T>): T {
  const { tls } = (item ?? {}) as { tls?: unknown }
  try {
    return check(tls, 'tls')
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw new HandoffError(
      'ERR_HANDOFF_PROTOCOL',
      `cannot adopt a TLS connection: ${error.message}`,
    )
  }
}

function isCount(value: unknown): boolean {
  try {
    count(value, '')
    return true
  } catch {
    return false
  }
}
