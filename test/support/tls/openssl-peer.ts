// A TLS server of Node.js itself, and a client whose handshake is a real one, but whose records are made by the test.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { isTls13, keyBlock, ReferenceHalf, type Suite, splitRecords } from './reference.ts'
import { Transcript } from './transcript.ts'

const credentials = {
  key: readFileSync(new URL('../../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../../fixtures/tls/certificate.pem', import.meta.url)),
}

/** The options for a connection with a suite. The certificate is of ECDSA. */
const optionsOf = (suite: Suite): tls.SecureContextOptions => ({
  ciphers: suite.name,
  minVersion: isTls13(suite) ? 'TLSv1.3' : 'TLSv1.2',
  maxVersion: isTls13(suite) ? 'TLSv1.3' : 'TLSv1.2',
})

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
    const secrets = new Map<string, [random: Buffer, secret: Buffer]>()
    const client = tls.connect({ socket: tap, rejectUnauthorized: false, ...optionsOf(suite) })
    client.on('error', () => {})
    client.on('keylog', (line: Buffer) => {
      const [label = '', random = '', secret = ''] = line.toString().trim().split(' ')
      secrets.set(label, [Buffer.from(random, 'hex'), Buffer.from(secret, 'hex')])
    })
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
    const halves = isTls13(suite)
      ? {
          write: new ReferenceHalf(suite, secretOf(secrets, 'CLIENT_TRAFFIC_SECRET_0')),
          read: new ReferenceHalf(suite, secretOf(secrets, 'SERVER_TRAFFIC_SECRET_0')),
        }
      : halvesOf12(suite, secrets, Buffer.concat(tap.received))
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

function secretOf(secrets: ReadonlyMap<string, [Buffer, Buffer]>, label: string): Buffer {
  const secret = secrets.get(label)?.[1]
  if (secret === undefined) throw new Error(`no ${label} in the key log`)
  return secret
}

/** TLS 1.2: the Finished of each side has sequence number 0. */
function halvesOf12(
  suite: Suite,
  secrets: ReadonlyMap<string, [Buffer, Buffer]>,
  received: Buffer,
) {
  const [random, master] = secrets.get('CLIENT_RANDOM') ?? []
  if (random === undefined || master === undefined)
    throw new Error('no CLIENT_RANDOM in the key log')
  // ServerHello: record header, message header, version, random.
  const serverRandom = (splitRecords(received)[0] as Buffer).subarray(11, 43)
  const { client, server } = keyBlock(suite, master, random, serverRandom)
  return {
    write: new ReferenceHalf(suite, client, 1n, 1n << 40n),
    read: new ReferenceHalf(suite, server),
  }
}
