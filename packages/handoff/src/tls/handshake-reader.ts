// Reads handshake messages that come after the handshake. A server has one of them in each version: KeyUpdate in
// TLS 1.3, the ClientHello of a renegotiation in TLS 1.2.

import { contentTypes, TLS_1_3 } from './content-types.ts'
import { failures, type TlsFailure } from './failures.ts'

/** RFC 8446, section 4. */
export const messageTypes = { clientHello: 1, keyUpdate: 24 } as const

/** KeyUpdateRequest of RFC 8446, section 4.6.3. */
export const keyUpdateRequest = { notRequested: 0, requested: 1 } as const

/** Type, and a length of 24 bits. */
const headerSize = 4

/** As OpenSSL (KEY_UPDATE_MAX_LENGTH, CLIENT_HELLO_MAX_LENGTH). */
const longest = { keyUpdate: 1, clientHello: 131_396 } as const

/** What a complete message asks for. */
export type HandshakeMessage = 'key update' | 'key update, requested' | 'renegotiation'

/** Is called for each message. */
export interface HandshakeSink {
  /** Its header is complete. */
  onBegin(): void
  onMessage(message: HandshakeMessage): void
}

/** Puts messages together from records: one may be in several, and a record may have several. */
export class HandshakeReader {
  readonly #isTls13: boolean
  readonly #header = Buffer.alloc(headerSize)
  #headerBytes = 0
  #bodyLeft = 0
  /** The first byte of the body: KeyUpdate has no other. */
  #firstOfBody: number | undefined

  constructor(version: number) {
    this.#isTls13 = version === TLS_1_3
  }

  /** Whether a message has begun that is not complete. */
  get inMessage(): boolean {
    return this.#headerBytes > 0
  }

  /**
   * Returns why a record of another type may not come now, in the middle of a message.
   *
   * @remarks OpenSSL allows alerts once the header of the message is complete, and TLS 1.2 allows everything before
   * that.
   */
  refuse(type: number): TlsFailure | undefined {
    if (!this.inMessage) return undefined
    if (this.#headerBytes < headerSize) {
      return this.#isTls13 ? failures.mixedWithHandshake : undefined
    }
    return type === contentTypes.applicationData ? failures.unexpectedRecord : undefined
  }

  /** Reads a record up to its end, or to the first failure. */
  read(record: Uint8Array, sink: HandshakeSink): TlsFailure | undefined {
    let at = 0
    while (at < record.length) {
      if (this.#headerBytes < headerSize) {
        this.#header[this.#headerBytes++] = record[at++] as number
        if (this.#headerBytes < headerSize) continue
        sink.onBegin()
        const failure = this.#begin()
        if (failure !== undefined) return failure
      } else {
        this.#firstOfBody ??= record[at]
        const taken = Math.min(this.#bodyLeft, record.length - at)
        this.#bodyLeft -= taken
        at += taken
      }
      if (this.#bodyLeft > 0) continue
      const result = this.#complete(at === record.length)
      if (typeof result !== 'string') return result
      sink.onMessage(result)
    }
    return undefined
  }

  /** The header is complete. */
  #begin(): TlsFailure | undefined {
    const expected = this.#isTls13 ? messageTypes.keyUpdate : messageTypes.clientHello
    if (this.#header[0] !== expected) return failures.unexpectedMessage
    this.#bodyLeft = this.#header.readUIntBE(1, 3)
    this.#firstOfBody = undefined
    const most = this.#isTls13 ? longest.keyUpdate : longest.clientHello
    return this.#bodyLeft > most ? failures.messageTooLong : undefined
  }

  #complete(atEndOfRecord: boolean): HandshakeMessage | TlsFailure {
    this.#headerBytes = 0
    if (!this.#isTls13) return 'renegotiation'
    if (!atEndOfRecord) return failures.notOnRecordBoundary
    switch (this.#firstOfBody) {
      case undefined:
        return failures.emptyKeyUpdate
      case keyUpdateRequest.notRequested:
        return 'key update'
      case keyUpdateRequest.requested:
        return 'key update, requested'
      default:
        return failures.wrongKeyUpdate
    }
  }
}
