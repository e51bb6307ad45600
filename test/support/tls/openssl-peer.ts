// A TLS server of Node.js itself, and a client whose handshake is a real one, but whose records are made by the test.

import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { credentials, KeyLog, optionsOf } from './key-log.ts'
import type { ReferenceHalf, Suite } from './reference.ts'
import { Transcript } from './transcript.ts'

/** The bytes of a handshake go through, until it is over. Later the test has the transport for itself. */
class Tap extends Duplex {
  readonly raw: net.Socket
  /** All that the server has sent. */
  readonly received: Buffer[] = []
  #detached = false

  constructor(raw: net.Socket) {
    super()
    this.raw = raw
    raw.on('data', (chunk: Buffer) => {
      this.received.push(chunk)
      if (!this.#detached) this.push(chunk)
    })
    raw.on('error', () => {}) // The server resets if it has not read all.
  }

  /** What the client does from here on does not reach the server. */
  detach(): void {
    this.#detached = true
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: string, callback: () => void): void {
    if (!this.#detached) this.raw.write(chunk)
    callback()
  }
}

/** A connection whose handshake is over. Both halves are those of the client's side. */
export interface Connection {
  readonly write: ReferenceHalf
  readonly read: ReferenceHalf
  /** What the application of the server has noticed. */
  readonly transcript: Transcript
  /** Sends a stream of records and the end, and awaits that the server has closed. */
  finish(stream: Buffer): Promise<Transcript>
}

/** Serves until it is closed; says goodbye at the end of a connection, as the session under test does. */
export class OpenSslPeer {
  readonly #server: tls.Server
  readonly #suite: Suite

  private constructor(suite: Suite, server: tls.Server) {
    this.#suite = suite
    this.#server = server
  }

  static async listen(suite: Suite): Promise<OpenSslPeer> {
    const server = tls.createServer({ ...credentials, ...optionsOf(suite), allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new OpenSslPeer(suite, server)
  }

  close(): void {
    this.#server.close()
  }

  async connect(goodbye = 'bye'): Promise<Connection> {
    const suite = this.#suite
    const { port } = this.#server.address() as net.AddressInfo
    const tap = new Tap(net.connect(port, '127.0.0.1'))
    const client = tls.connect({ socket: tap, rejectUnauthorized: false, ...optionsOf(suite) })
    client.on('error', () => {})
    const secrets = new KeyLog(client)
    const [[socket]] = (await Promise.all([
      once(this.#server, 'secureConnection'),
      once(client, 'secureConnect'),
    ])) as [[tls.TLSSocket], unknown]
    tap.detach()
    client.destroy()

    const transcript = new Transcript()
    socket.on('data', (chunk: Buffer) => transcript.data.push(chunk))
    // Node.js reports it, and leaves the rest to the application; one of http destroys it.
    socket.on('error', (error) => {
      transcript.fail(error)
      socket.destroy()
    })
    socket.on('end', () => {
      transcript.ended = true
      socket.end(goodbye)
    })
    const halves = secrets.halves(suite, Buffer.concat(tap.received))
    return {
      ...halves,
      transcript,
      async finish(stream) {
        const closed = once(tap.raw, 'close')
        tap.raw.end(stream)
        await closed
        transcript.read(halves.read, Buffer.concat(tap.received))
        return transcript
      },
    }
  }
}
