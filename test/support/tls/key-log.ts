// What a handshake of Node.js takes, and what it leaves.

import { readFileSync } from 'node:fs'
import type tls from 'node:tls'
import { isTls13, keyBlock, ReferenceHalf, type Suite, splitRecords } from './reference.ts'

/** A certificate of ECDSA. */
export const credentials = {
  key: readFileSync(new URL('../../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../../fixtures/tls/certificate.pem', import.meta.url)),
}

/** The options for a connection with a suite. */
export const optionsOf = (suite: Suite): tls.SecureContextOptions => ({
  ciphers: suite.name,
  minVersion: isTls13(suite) ? 'TLSv1.3' : 'TLSv1.2',
  maxVersion: isTls13(suite) ? 'TLSv1.3' : 'TLSv1.2',
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
