// The socket of a TLS connection that began in another process: to an application, the TLSSocket that it was.

import type { X509Certificate } from 'node:crypto'
import { Socket, type SocketConstructorOpts } from 'node:net'
import type {
  CipherNameAndProtocol,
  DetailedPeerCertificate,
  PeerCertificate,
  Server,
} from 'node:tls'
import type { TlsProgress } from '../../io/native/tls-records.ts'
import type { SecretsFile } from '../../io/native/tls-secrets.ts'
import { builtins } from '../../io/node/builtins.ts'
import { inheritFromTlsSocket, keepParserOffHandle } from '../../io/node/internals/tls.ts'
import { HandoffError } from '../../terms/errors.ts'
import { writeSealed } from '../../tls/sealed-write.ts'
import { TlsSession } from '../../tls/session.ts'
import { CertificateChain, certificateOf } from './certificates.ts'
import { cipherOf, protocolOf } from './ciphers.ts'
import type { ReceivedTls } from './received-tls.ts'
import type { TlsFields } from './tls-item.ts'

type Callback = (error?: Error | null) => void

/**
 * A `net.Socket` on the connection itself, which opens what comes and seals what goes.
 *
 * @remarks Its prototype has that of `tls.TLSSocket` below it, so that `instanceof` holds. But the constructor of
 * TLSSocket, which begins a handshake, never runs: each method of TLSSocket has another one here.
 */
export class MovedTlsSocket extends Socket {
  readonly encrypted = true
  readonly authorized: boolean
  readonly authorizationError: string | null
  readonly servername: string | false
  readonly alpnProtocol: string | false
  readonly secureConnecting = false
  /** As TLSSocket, for programs that look at it. */
  readonly _secureEstablished = true
  readonly ssl = null
  readonly #session: TlsSession
  readonly #fields: TlsFields
  readonly #server: Server
  #peer: CertificateChain | undefined
  #bytesRead = 0
  #bytesWritten = 0
  #inFlight = 0

  static {
    // Those of the base class count the bytes of the records.
    Object.defineProperties(MovedTlsSocket.prototype, {
      bytesRead: {
        get(this: MovedTlsSocket) {
          return this.#bytesRead
        },
        configurable: true,
      },
      bytesWritten: {
        get(this: MovedTlsSocket) {
          return this.#bytesWritten + Math.max(0, this.writableLength - this.#inFlight)
        },
        configurable: true,
      },
    })
  }

  /** @param received - owned by the socket from here on. */
  constructor(options: SocketConstructorOpts, server: Server, { records, fields }: ReceivedTls) {
    inheritFromTlsSocket(MovedTlsSocket.prototype, builtins.tls.TLSSocket)
    super(options)
    keepParserOffHandle(this)
    this.#session = new TlsSession(records)
    this.#fields = fields
    this.#server = server
    this.authorized = fields.authorized ?? false
    this.authorizationError = fields.authorizationError ?? null
    this.servername = fields.servername ?? false
    this.alpnProtocol = fields.alpnProtocol ?? false
  }

  static isOne(socket: Socket): socket is MovedTlsSocket {
    return #session in socket
  }

  /** Whether the connection can go over now, as far as TLS matters. */
  static isAtRest(socket: MovedTlsSocket): boolean {
    return socket.#session.atRest
  }

  /** What an item of the connection has. */
  static fieldsOf(socket: MovedTlsSocket): TlsFields {
    return socket.#fields
  }

  /** How far it has come, for a process that still has the secrets with which the connection came. */
  static progressOf(socket: MovedTlsSocket): TlsProgress {
    return socket.#session.progress()
  }

  /** Writes the secrets for another process. From here on that process speaks. */
  static writeSecrets(socket: MovedTlsSocket, file: SecretsFile, index: number): void {
    socket.#session.writeSecrets(file, index)
  }

  /** The other process has not touched the connection: this one speaks again. */
  static resume(socket: MovedTlsSocket): void {
    socket.#session.resume()
  }

  override push(chunk: Buffer | null): boolean {
    if (chunk === null) {
      this.#session.receiveEnd()
      return this.#end()
    }
    const { data, reply, ended, error } = this.#session.receive(chunk)
    // It was sealed before anything that a listener of the data may write: with the keys of before a KeyUpdate.
    if (reply !== undefined) this.#send(reply, () => {})
    for (const piece of data) {
      // A listener of the data before has destroyed the socket.
      if (this.destroyed) return false
      this.#bytesRead += piece.length
      super.push(piece)
    }
    if (error !== undefined) this.destroy(error)
    else if (ended) this.#end()
    // Without data the stream has not been answered, and asks for no more: the reading goes on, however much waits.
    return data.length === 0 || this.readableLength < this.readableHighWaterMark
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, callback: Callback): void {
    this.#seal([bytesOf(chunk, encoding)], chunk.length, callback)
  }

  override _writev(
    chunks: { chunk: string | Uint8Array; encoding: BufferEncoding }[],
    callback: Callback,
  ): void {
    const length = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0)
    const parts = chunks.map(({ chunk, encoding }) => bytesOf(chunk, encoding))
    this.#seal(parts, length, callback)
  }

  /** As OpenSSL: close_notify goes before the FIN. */
  override _final(callback: Callback): void {
    const goodbye = this.#session.close()
    const finish = (error?: Error | null) => {
      if (error) callback(error)
      else super._final(callback)
    }
    if (goodbye.length === 0 || this.destroyed) finish()
    else this.#send(goodbye, finish)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#session.destroy()
    super._destroy(error, callback)
  }

  getProtocol(): string {
    return protocolOf(this.#fields.cipher)
  }

  getCipher(): CipherNameAndProtocol {
    return cipherOf(this.#fields.cipher)
  }

  getPeerCertificate(detailed = false): PeerCertificate | DetailedPeerCertificate | object {
    return this.#peerChain.describe(detailed)
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return this.#peerChain.first
  }

  /** @remarks The server's of this process: it may have been renewed since the handshake. */
  getCertificate(): object {
    return certificateOf(this.#server)?.toLegacyObject() ?? {}
  }

  getX509Certificate(): X509Certificate | undefined {
    return certificateOf(this.#server)
  }

  getFinished(): Buffer | undefined {
    return decoded(this.#fields.finished)
  }

  getPeerFinished(): Buffer | undefined {
    return decoded(this.#fields.peerFinished)
  }

  isSessionReused(): boolean {
    return this.#fields.isSessionReused ?? false
  }

  /** As of every server's socket. */
  getEphemeralKeyInfo(): null {
    return null
  }

  getSharedSigalgs(): string[] {
    return []
  }

  getSession(): undefined {}

  getTLSTicket(): undefined {}

  /** @throws {@link HandoffError} ERR_HANDOFF_TLS_MOVED: the secret that it needs was not handed over. */
  exportKeyingMaterial(): never {
    throw moved('export keying material')
  }

  /** Calls back with ERR_HANDOFF_TLS_MOVED. @returns false, as TLSSocket if it cannot. */
  renegotiate(_options: object, callback?: (error: Error | null) => void): false {
    if (callback !== undefined) process.nextTick(callback, moved('renegotiate'))
    return false
  }

  /** A client that wants to renegotiate is refused in any case. */
  disableRenegotiation(): void {}

  enableTrace(): void {}

  /** @returns false: the size stays as it is. */
  setMaxSendFragment(): false {
    return false
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_TLS_MOVED, as TLSSocket throws for every server's socket. */
  setServername(): never {
    throw moved('set the server name')
  }

  setSession(): never {
    throw moved('set the session')
  }

  setKeyCert(): never {
    throw moved('set the certificate')
  }

  get #peerChain(): CertificateChain {
    this.#peer ??= new CertificateChain(this.#fields.peer ?? [])
    return this.#peer
  }

  #seal(parts: readonly Uint8Array[], length: number, callback: Callback): void {
    this.#bytesWritten += parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.#inFlight = length
    const send = (records: Buffer, sent: Callback) => this.#send(records, sent)
    writeSealed(this.#session, parts, send, (error) => {
      this.#inFlight = 0
      callback(error)
    })
  }

  /** Gives records to the kernel, in the order in which they were sealed. */
  #send(records: Buffer, callback: Callback): void {
    super._write(records, 'buffer' as BufferEncoding, callback)
  }

  /** A stream ends once, however often it is ended. */
  #end(): false {
    super.push(null)
    return false
  }
}

function bytesOf(chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
}

function decoded(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}

function moved(what: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_TLS_MOVED',
    `cannot ${what}: the TLS connection began in another process, whose OpenSSL has that state`,
  )
}
