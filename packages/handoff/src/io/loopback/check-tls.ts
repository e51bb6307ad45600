// Checks whether the TLS connections of this process can change process: shakes hands with itself in memory,
// and compares what the native core has counted with what went over.

import { once } from 'node:events'
import { Duplex, duplexPair } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { reasonOf } from '../../terms/errors.ts'
import { progressObstacle } from '../native/many-connections.ts'
import { countTlsRecords, tlsCountsOf, writeTlsSecrets } from '../native/tls-counts.ts'
import { SecretsFile } from '../native/tls-secrets.ts'
import { builtins } from '../node/builtins.ts'

/**
 * Returns why no TLS connection of this process can change process; undefined if they can.
 *
 * @remarks Takes some milliseconds. Opens no socket.
 * @internal
 */
export async function checkTls(): Promise<string | undefined> {
  const missing = countTlsRecords() ?? progressObstacle()
  if (missing !== undefined) return missing
  const [left, right] = duplexPair()
  const ends: Duplex[] = [left, right]
  try {
    const carried = { read: 0, written: 0 }
    const server = serve(counting(left, carried))
    const client = connect(right)
    ends.push(server, client)
    server.on('data', (chunk) => server.write(chunk))
    client.write(greeting)
    // The echo comes behind all that the server has to write. Rejects with the first error of either side.
    await Promise.race([once(client, 'data'), once(server, 'close')])
    return compare(server, carried)
  } catch (error) {
    return reasonOf(error)
  } finally {
    for (const end of ends) end.on('error', () => {}).destroy()
  }
}

const greeting = 'hello'

/** Without a certificate: both sides know a key. */
const identity = 'check'
const psk = Buffer.alloc(32, identity)
const only = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:PSK',
} as const

/** No certificates are checked, and loading those of Node.js takes longer than all the rest. */
const context = () => builtins.tls.createSecureContext({ ...only, ca: [] })

function serve(transport: Duplex): TLSSocket {
  // The types know only sockets, and only clients with such keys.
  const options = { isServer: true, secureContext: context(), pskCallback: () => psk }
  const { TLSSocket: Socket } = builtins.tls
  return new Socket(transport as never, options)
}

function connect(transport: Duplex): TLSSocket {
  return builtins.tls.connect({
    socket: transport,
    secureContext: context(),
    pskCallback: () => ({ psk, identity }),
    checkServerIdentity: () => undefined,
    ...only,
  })
}

/** Counts the bytes that a stream carries. */
function counting(stream: Duplex, carried: { read: number; written: number }): Duplex {
  const outer = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _, done) => {
      carried.written += chunk.length
      stream.write(chunk, done)
    },
  })
  stream.on('data', (chunk: Buffer) => {
    carried.read += chunk.length
    outer.push(chunk)
  })
  return outer
}

function compare(server: TLSSocket, carried: { read: number; written: number }) {
  const finished = server.getFinished()
  const counts = finished && tlsCountsOf(finished)
  if (!finished || !counts) return 'OpenSSL does not report the records of connections'
  const { read, written, obstacle } = counts
  if (read !== carried.read || written !== carried.written) {
    return `${read} and ${written} bytes were counted, and ${carried.read} and ${carried.written} were carried`
  }
  if (obstacle !== undefined) return `OpenSSL does not report all of a connection (${obstacle})`
  const file = SecretsFile.create(1)
  try {
    writeTlsSecrets(finished, file.fd, 0)
    return undefined
  } finally {
    file.release()
  }
}
