// What a handshake of Node.js takes, and what it leaves.

import type tls from 'node:tls'
import { splitRecords } from './record-splitter.ts'
import { isTls13, keyBlock, ReferenceHalf, type Suite } from './reference.ts'

/** The version of a suite, as Node.js names it. */
export const versionOf = (suite: Suite): tls.SecureVersion =>
  isTls13(suite) ? 'TLSv1.3' : 'TLSv1.2'

/** The options for a connection with a suite. */
export const optionsOf = (suite: Suite): tls.SecureContextOptions => ({
  ciphers: suite.name,
  minVersion: versionOf(suite),
  maxVersion: versionOf(suite),
})

/** The secrets of one connection, as its client logs them. */
export class KeyLog {
  readonly #lines = new Map<string, [random: Buffer, secret: Buffer]>()

  constructor(client: tls.TLSSocket) {
    client.on('keylog', (line: Buffer) => {
      const [label = '', random = '', secret = ''] = line.toString().trim().split(' ')
      this.#lines.set(label, [Buffer.from(random, 'hex'), Buffer.from(secret, 'hex')])
    })
  }

  /**
   * Returns both directions of the client.
   *
   * @param received - what the server has sent in the handshake.
   */
  halves(suite: Suite, received: Buffer): { write: ReferenceHalf; read: ReferenceHalf } {
    if (isTls13(suite)) {
      return {
        write: new ReferenceHalf(suite, this.#line('CLIENT_TRAFFIC_SECRET_0')[1]),
        read: new ReferenceHalf(suite, this.#line('SERVER_TRAFFIC_SECRET_0')[1]),
      }
    }
    const [random, master] = this.#line('CLIENT_RANDOM')
    // ServerHello: record header, message header, version, random.
    const serverRandom = (splitRecords(received)[0] as Buffer).subarray(11, 43)
    const { client, server } = keyBlock(suite, master, random, serverRandom)
    // The Finished of each side has sequence number 0; that of the server is still to be read.
    return {
      write: new ReferenceHalf(suite, client, 1n, 1n << 40n),
      read: new ReferenceHalf(suite, server),
    }
  }

  #line(label: string): [random: Buffer, secret: Buffer] {
    const line = this.#lines.get(label)
    if (line === undefined) throw new Error(`no ${label} in the key log`)
    return line
  }
}
