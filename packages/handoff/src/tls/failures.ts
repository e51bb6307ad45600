// Why a TLS connection fails: the alert for the peer, and the error for the application.
//
// Both are those of OpenSSL, so that neither a client nor an application can distinguish a connection that has
// moved. The reasons are the SSL_R_… numbers of openssl/sslerr.h.

import { describeTlsReason } from '../io/native/tls-records.ts'
import { alerts } from './alerts.ts'

/** A failure: what the peer gets, and what the application gets. */
export interface TlsFailure {
  /** The description of the fatal alert. Undefined if the peer gets none. */
  readonly alert: number | undefined
  /** OpenSSL's number. */
  readonly reason: number
}

const unexpected = (reason: number): TlsFailure => ({ alert: alerts.unexpectedMessage, reason })

export const failures = {
  /** An alert that is not two bytes. */
  invalidAlert: unexpected(205),
  tooManyWarnings: unexpected(409),
  changeCipherSpec: unexpected(133),
  /** A handshake message that is none for a server after the handshake. */
  unexpectedMessage: unexpected(244),
  unexpectedRecord: unexpected(245),
  mixedWithHandshake: unexpected(293),
  /** Data after a KeyUpdate in the same record: it would have the old key. */
  notOnRecordBoundary: unexpected(182),
  emptyKeyUpdate: { alert: alerts.decodeError, reason: 122 },
  wrongKeyUpdate: { alert: alerts.illegalParameter, reason: 122 },
  messageTooLong: { alert: alerts.illegalParameter, reason: 152 },
  unknownAlertLevel: { alert: alerts.illegalParameter, reason: 246 },
  noRenegotiation: { alert: alerts.handshakeFailure, reason: 339 },
  /** An internal error of OpenSSL, or no sequence number is left. */
  internalError: { alert: alerts.internalError, reason: 259 },
} satisfies Record<string, TlsFailure>

/** The failure that a fatal alert of the peer reports (SSL_AD_REASON_OFFSET of openssl/ssl.h). */
export function failureOfPeer(alert: number): TlsFailure {
  return { alert: undefined, reason: 1000 + alert }
}

/** The reason of a write after close_notify: SSL_R_PROTOCOL_IS_SHUTDOWN. */
export const protocolIsShutDown = 207

/** An error as Node.js makes it of OpenSSL's: `ERR_SSL_…`. */
export interface TlsError extends Error {
  code: string
  library: string
  reason: string
}

/** Makes the error that a TLSSocket of this Node.js has for a reason. */
export function tlsError(reason: number): TlsError {
  const message = describeTlsReason(reason)
  // error:NUMBER:LIBRARY:FUNCTION:REASON; OpenSSL 3 leaves the function out.
  const [, , library = '', , ...words] = message.split(':')
  const text = words.join(':')
  const code = `ERR_SSL_${text.toUpperCase().replaceAll(' ', '_')}`
  return Object.assign(new Error(message), { library, reason: text, code })
}

/** Makes the error that Node.js has for a client that renegotiates too often. */
export function renegotiationAttack(): Error {
  const error = new Error('TLS session renegotiation attack detected')
  return Object.assign(error, { code: 'ERR_TLS_SESSION_ATTACK' })
}
