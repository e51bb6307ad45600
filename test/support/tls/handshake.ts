// Lets node:tls make a handshake, and keeps the keys: what follows is said record by record.

import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { certificate } from '../certificate.ts'
import { Keys12, Keys13, type RecordKeys } from './record-keys.ts'
import { RecordSplitter } from './record-splitter.ts'

export interface HandshakeOptions {
  port: number
  version: tls.SecureVersion
  /** As OpenSSL names it, such as `TLS_AES_128_GCM_SHA256`; undefined: what the server chooses. */
  cipher?: string | undefined
  ca?: string | Buffer
}

export interface Handshake {
  socket: net.Socket
  /** For what this side writes and reads. */
  write: RecordKeys
  read: RecordKeys
  /** Records that came after the handshake. */
  splitter: RecordSplitter
  /** The records that have come with it and are not read yet. */
  rest: Buffer[]
}

export async function handshake(options: HandshakeOptions): Promise<Handshake> {
  const { port, version, cipher, ca = certificate } = options
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect')
  const splitter = new RecordSplitter()
  const secrets = new Map<string, [random: Buffer, secret: Buffer]>()
  const rest: Buffer[] = []
  let isDone = false
  let serverRandom = Buffer.alloc(0)
  const wire = new Duplex({
    read() {},
    write(chunk, _, done) {
      if (isDone) done()
      else socket.write(chunk, done)
    },
  })
  const onData = (data: Buffer) => {
    for (const record of splitter.push(data)) {
      if (serverRandom.length === 0) serverRandom = Buffer.from(record.subarray(11, 43))
      if (isDone) rest.push(record)
      else wire.push(record)
    }
  }
  socket.on('data', onData)
  const client = tls.connect({
    socket: wire,
    ca,
    servername: 'localhost',
    minVersion: version,
    maxVersion: version,
    ...(cipher === undefined ? {} : { ciphers: cipher }),
  })
  client.on('keylog', (line: Buffer) => {
    const [label = '', random = '', secret = ''] = `${line}`.trim().split(' ')
    secrets.set(label, [Buffer.from(random, 'hex'), Buffer.from(secret, 'hex')])
  })
  const failed = once(socket, 'close').then(() => {
    if (!isDone) client.destroy(new Error('the server has closed the connection'))
  })
  failed.catch(() => {})
  await once(client, 'secureConnect')
  isDone = true
  const suite = client.getCipher().standardName
  // Its close_notify goes nowhere.
  client.destroy()
  socket.off('data', onData)
  socket.pause()
  const secret = (label: string) => secrets.get(label) ?? [Buffer.alloc(0), Buffer.alloc(0)]
  if (version === 'TLSv1.3') {
    const keys = (label: string) => new Keys13(suite, secret(label)[1])
    const [write, read] = [keys('CLIENT_TRAFFIC_SECRET_0'), keys('SERVER_TRAFFIC_SECRET_0')]
    return { socket, write, read, splitter, rest }
  }
  const [clientRandom, master] = secret('CLIENT_RANDOM')
  const seed = { client: clientRandom, server: serverRandom }
  const { client: write, server: read } = Keys12.both(suite, master, seed)
  return { socket, write, read, splitter, rest }
}
