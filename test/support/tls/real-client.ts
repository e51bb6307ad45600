// A client of Node.js whose handshake is with a TLSSocket, and who goes on with a session, without noticing.

import { once } from 'node:events'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { identities } from './identities.ts'
import { KeyLog, optionsOf } from './key-log.ts'
import type { Suite } from './reference.ts'
import { recordsOf } from './secrets.ts'
import { Transcript } from './transcript.ts'

/** One end of a transport in memory. */
class End extends Duplex {
  onBytes: (bytes: Buffer) => void = () => {}

  override _read(): void {}

  override _write(chunk: Buffer, _: string, callback: () => void): void {
    this.onBytes(chunk)
    callback()
  }
}

/** What a session has done for its client. */
export interface Served {
  readonly client: tls.TLSSocket
  readonly session: TlsSession
  /** Bytes for the client. */
  send(bytes: Buffer): void
  /** Bytes as if they came from the client. */
  inject(bytes: Buffer): void
  error: Error | undefined
  ended: boolean
}

/** Shakes hands, and has a session echo what comes afterwards. */
export async function serveRealClient(suite: Suite, owesKeyUpdate = false): Promise<Served> {
  const [near, far] = [new End(), new End()]
  const received: Buffer[] = []
  near.onBytes = (bytes) => far.push(bytes)
  far.onBytes = (bytes) => {
    received.push(bytes)
    near.push(bytes)
  }
  const secureContext = tls.createSecureContext({ ...identities, ...optionsOf(suite) })
  const server = new tls.TLSSocket(far, { isServer: true, secureContext })
  const client = tls.connect({ socket: near, rejectUnauthorized: false, ...optionsOf(suite) })
  const log = new KeyLog(client)
  await Promise.all([once(server, 'secure'), once(client, 'secureConnect')])

  const { write, read } = log.halves(suite, Buffer.concat(received))
  // Counts the records of the server: session tickets, or the Finished of TLS 1.2.
  new Transcript().read(read, Buffer.concat(received))
  const session = new TlsSession(
    recordsOf({
      version: suite.version,
      suite: suite.id,
      owesKeyUpdate,
      read: { secret: write.secret, sequence: write.sequence },
      write: { secret: read.secret, sequence: read.sequence, explicitNonce: 1n << 63n },
    }),
  )
  far.onBytes = () => {}
  const served: Served = {
    client,
    session,
    error: undefined,
    ended: false,
    send: (bytes) => void near.push(bytes),
    inject(bytes) {
      const { data, reply, ended, error } = session.receive(Buffer.from(bytes))
      if (reply !== undefined) near.push(reply)
      if (data.length > 0) near.push(session.seal(data))
      served.ended ||= ended
      served.error ??= error
    },
  }
  near.onBytes = (bytes) => served.inject(bytes)
  return served
}
