// One TLS connection after its handshake, without its socket: bytes of the transport in, data out, and back.

import type { TlsProgress, TlsRecords } from '../io/native/tls-records.ts'
import type { SecretsFile } from '../io/native/tls-secrets.ts'
import { AlertReader } from './alert-reader.ts'
import { alertLevels, alerts } from './alerts.ts'
import { contentTypes } from './content-types.ts'
import {
  failures,
  protocolIsShutDown,
  renegotiationAttack,
  type TlsFailure,
  tlsError,
} from './failures.ts'
import { type HandshakeMessage, HandshakeReader } from './handshake-reader.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'

/** What a chunk of the transport has in it. Write `reply` first; then comes the `data`, then the end or the error. */
export interface Received {
  /** Application data. Parts of the chunk. */
  readonly data: Buffer[]
  /** Write this to the transport now: an alert, or a KeyUpdate. Before anything that is sealed later. */
  readonly reply: Buffer | undefined
  /** The peer has sent close_notify: no data comes any more. Whatever follows is ignored. */
  readonly ended: boolean
  /** The connection has failed. Destroy it after the `reply` is written. Has the `code` that Node.js would use. */
  readonly error: Error | undefined
}

/** As `tls.CLIENT_RENEG_LIMIT`: a client that begins more often is cut off. */
const maxRenegotiations = 3

const nothing = Buffer.alloc(0)

/**
 * Reads and writes the records of one connection on the server's side.
 *
 * @remarks Does what OpenSSL does with the settings of Node.js, wherever a client could notice. One difference is intended: a client
 * of TLS 1.2 that wants to renegotiate gets the warning no_renegotiation, since there is no handshake here.
 */
export class TlsSession {
  readonly #records: TlsRecords
  readonly #reader: RecordReader
  readonly #writer: RecordWriter
  readonly #alerts: AlertReader
  readonly #messages: HandshakeReader
  /** Of the chunk that is being read. */
  #data: Buffer[] = []
  #replies: Buffer[] = []
  #error: Error | undefined
  #ended = false
  #failed = false
  #closed = false
  #suspended = false
  #renegotiations = 0

  /** Owns the records from here on. */
  constructor(records: TlsRecords) {
    this.#records = records
    this.#writer = new RecordWriter(records)
    this.#alerts = new AlertReader(records.version)
    this.#messages = new HandshakeReader(records.version)
    const session = this
    this.#reader = new RecordReader(records, {
      onData: (data) => this.#onData(data),
      onRecord: (type, content) => this.#onRecord(type, content),
      onRefused: (failure) => this.#fail(failure),
      get open() {
        return !session.#ended && !session.#failed
      },
    })
  }

  /** Whether the connection could go over now: nothing is half read, and neither side has ended or failed. */
  get atRest(): boolean {
    const isOpen = !this.#ended && !this.#failed && !this.#closed && !this.#suspended
    return isOpen && this.#reader.pending === 0 && !this.#messages.inMessage
  }

  /** How many bytes have come of a record that is not complete. */
  get bytesPending(): number {
    return this.#reader.pending
  }

  /**
   * Reads a chunk of the transport. Owns it from here on, and decrypts it in place.
   *
   * @remarks Never throws for what a peer sends.
   */
  receive(chunk: Buffer): Received {
    this.#data = []
    this.#replies = []
    this.#error = undefined
    if (!this.#failed && !this.#suspended) this.#read(chunk)
    const replies = this.#replies
    return {
      data: this.#data,
      reply: replies.length > 1 ? Buffer.concat(replies) : replies[0],
      ended: this.#ended,
      error: this.#error,
    }
  }

  /**
   * The transport has ended.
   *
   * @returns whether the peer had ended the connection before (`'closed'`), or data may be missing (`'truncated'`). Node.js reports
   * both to an application as the end.
   */
  receiveEnd(): 'closed' | 'truncated' {
    const result = this.#ended ? 'closed' : 'truncated'
    this.#ended = true
    return result
  }

  /**
   * Seals data of any size. A KeyUpdate goes before it if the peer has asked for one, or the key has been used enough.
   *
   * @param room - where the records are written, if they fit there.
   * @returns whole records, for one write; nothing for no data.
   * @throws an error with code `ERR_SSL_PROTOCOL_IS_SHUTDOWN` after {@link TlsSession.close}, or once the connection
   * has failed.
   */
  seal(data: Uint8Array | readonly Uint8Array[], room?: Buffer): Buffer {
    if (this.#closed || this.#failed || this.#suspended) throw tlsError(protocolIsShutDown)
    return this.#writer.seal(data, room)
  }

  /** Ends this direction: returns close_notify for the transport. Nothing if that was sent or the connection has failed. */
  close(): Buffer {
    if (this.#closed || this.#failed || this.#suspended) return nothing
    this.#closed = true
    return this.#writer.alert(alerts.closeNotify, alertLevels.warning)
  }

  /** How far the connection has come since its secrets were read. */
  progress(): TlsProgress {
    return this.#records.progress()
  }

  /**
   * Writes the secrets to a file for another process, and stops: from here on that process speaks.
   *
   * @see {@link TlsSession.resume}
   */
  writeSecrets(file: Pick<SecretsFile, 'fd'>, index: number): void {
    this.#records.writeSecrets(file, index)
    this.#suspended = true
  }

  /** Goes on after {@link TlsSession.writeSecrets}, if the other process has neither read nor written. */
  resume(): void {
    this.#suspended = false
  }

  /** Wipes the secrets. The session cannot be used any more. */
  destroy(): void {
    this.#failed = true
    this.#records.wipe()
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.read(chunk)
    } catch (error) {
      // A reply could not be sealed: no sequence number is left, or OpenSSL has failed.
      this.#failed = true
      this.#error ??= error as Error
    }
  }

  #onData(data: Buffer): void {
    const failure = this.#messages.refuse(contentTypes.applicationData)
    if (failure !== undefined) {
      this.#fail(failure)
      return
    }
    this.#alerts.interrupt()
    this.#data.push(data)
  }

  #onRecord(type: number, content: Buffer): void {
    const failure = type === contentTypes.handshake ? undefined : this.#messages.refuse(type)
    if (failure !== undefined) this.#fail(failure)
    else if (type === contentTypes.handshake) this.#onHandshake(content)
    else if (type === contentTypes.alert) this.#onAlert(content)
    else {
      const isChange = type === contentTypes.changeCipherSpec
      this.#fail(isChange ? failures.changeCipherSpec : failures.unexpectedRecord)
    }
  }

  #onAlert(content: Buffer): void {
    const meaning = this.#alerts.read(content)
    if (meaning === 'closed') this.#ended = true
    else if (meaning !== 'ignored') this.#fail(meaning)
  }

  #onHandshake(content: Buffer): void {
    if (content.length > 0) this.#alerts.interrupt()
    const failure = this.#messages.read(content, {
      onBegin: () => this.#onBegin(),
      onMessage: (message) => this.#onMessage(message),
    })
    if (failure !== undefined) this.#fail(failure)
  }

  #onMessage(message: HandshakeMessage): void {
    if (message === 'renegotiation') {
      this.#refuseRenegotiation()
      return
    }
    this.#records.updateRead()
    // After close_notify no data comes that it could go before.
    if (message === 'key update, requested' && !this.#closed) this.#writer.owe()
  }

  /** OpenSSL writes what it owes before it reads a message: one KeyUpdate for each request. */
  #onBegin(): void {
    const owed = this.#closed ? undefined : this.#writer.owedKeyUpdate()
    if (owed !== undefined) this.#replies.push(owed)
  }

  #refuseRenegotiation(): void {
    // As OpenSSL after close_notify.
    if (this.#closed || this.#failed) return
    this.#renegotiations += 1
    if (this.#renegotiations > maxRenegotiations) {
      this.#failed = true
      this.#error = renegotiationAttack()
    } else {
      this.#replies.push(this.#writer.alert(alerts.noRenegotiation, alertLevels.warning))
    }
  }

  #fail({ alert, reason }: TlsFailure): void {
    if (this.#failed) return
    this.#failed = true
    this.#error = tlsError(reason)
    // After close_notify nothing may be sent (RFC 8446, section 6.1).
    if (alert !== undefined && !this.#closed) this.#replies.push(this.#writer.alert(alert))
  }
}
