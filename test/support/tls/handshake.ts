// Lets node:tls make a handshake, and keeps the keys: what follows is said record by record.

import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { identities } from './identities.ts'
import { KeyLog } from './key-log.ts'
import { RecordSplitter } from './record-splitter.ts'
import { isTls13, type ReferenceHalf, type Suite, suiteNamed } from './reference.ts'

export interface HandshakeOptions {
  port: number
  version: tls.SecureVersion
  /** As OpenSSL names it, such as `TLS_AES_128_GCM_SHA256`; undefined: what the server chooses. */
  cipher?: string | undefined
}

export interface Handshake {
  socket: net.Socket
  suite: Suite
  /** For what this side writes and reads. */
  write: ReferenceHalf
  read: ReferenceHalf
  /** Records that came after the handshake. */
  splitter: RecordSplitter
  /** The records that have come with it and are not read yet. */
  rest: Buffer[]
}

export async function handshake({ port, version, cipher }: HandshakeOptions): Promise<Handshake> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect')
  const splitter = new RecordSplitter()
  const records: Buffer[] = []
  const rest: Buffer[] = []
  let isDone = false
  const wire = new Duplex({
    read() {},
    write(chunk, _, done) {
      if (isDone) done()
      else socket.write(chunk, done)
    },
  })
  const onData = (data: Buffer) => {
    for (const record of splitter.push(data)) {
      if (isDone) rest.push(record)
      else wire.push(record)
      if (!isDone) records.push(record)
    }
  }
  socket.on('data', onData)
  const client = tls.connect({
    socket: wire,
    ca: identities.cert,
    servername: 'localhost',
    minVersion: version,
    maxVersion: version,
    ...(cipher === undefined ? {} : { ciphers: cipher }),
  })
  const log = new KeyLog(client)
  const failed = once(socket, 'close').then(() => {
    if (!isDone) client.destroy(new Error('the server has closed the connection'))
  })
  failed.catch(() => {})
  await once(client, 'secureConnect')
  isDone = true
  const suite = suiteNamed(client.getCipher().name)
  // Its close_notify goes nowhere.
  client.destroy()
  socket.off('data', onData)
  socket.pause()
  const { write, read } = log.halves(suite, Buffer.concat(records))
  // The Finished of the server has been read.
  if (!isTls13(suite)) read.sequence = 1n
  return { socket, suite, write, read, splitter, rest }
}
