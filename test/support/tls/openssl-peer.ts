// A TLS server of Node.js itself, and a client whose handshake is a real one, but whose records are made by the test.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { handshake } from './handshake.ts'
import { identities } from './identities.ts'
import { optionsOf, versionOf } from './key-log.ts'
import type { ReferenceHalf, Suite } from './reference.ts'
import { Transcript } from './transcript.ts'

/** A connection whose handshake is over. */
export interface Connection {
  /** What the client seals with. */
  readonly write: ReferenceHalf
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
    const server = tls.createServer({ ...identities, ...optionsOf(suite), allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new OpenSslPeer(suite, server)
  }

  close(): void {
    this.#server.close()
  }

  async connect(goodbye = 'bye'): Promise<Connection> {
    const { port } = this.#server.address() as AddressInfo
    const [[socket], { socket: raw, write, read, splitter, rest }] = await Promise.all([
      once(this.#server, 'secureConnection') as Promise<[tls.TLSSocket]>,
      handshake({ port, version: versionOf(this.#suite), cipher: this.#suite.name }),
    ])
    const records = [...rest]
    raw.on('data', (data) => records.push(...splitter.push(data))).resume()
    raw.on('error', () => {}) // The server resets if it has not read all.

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
    return {
      write,
      transcript,
      async finish(stream) {
        const closed = once(raw, 'close')
        raw.end(stream)
        await closed
        transcript.read(read, Buffer.concat(records))
        return transcript
      },
    }
  }
}
