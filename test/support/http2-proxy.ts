// Stands between HTTP/2 clients and a server, in clear, and reads the frames of both.

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** Lengths in bytes (RFC 9113, sections 3.4 and 4.1). */
const PREFACE = 24
const HEAD = 9

const HEADERS = 1
const RST_STREAM = 3
const GOAWAY = 7

const REFUSED_STREAM = 7

/** What one connection has carried. */
export class Http2Connection {
  /** The streams that the client has begun. */
  readonly begun = new Set<number>()
  /** The last stream ids of the server's GOAWAY frames, in order. */
  readonly goaways: number[] = []
  /** The streams that the server has refused one by one. */
  readonly refused: number[] = []

  /** The streams that began and that the server did not process. */
  get unprocessed(): number[] {
    const last = Math.min(...this.goaways, Number.POSITIVE_INFINITY)
    return [...this.begun].filter((id) => id > last || this.refused.includes(id))
  }
}

export interface Http2Proxy {
  readonly port: number
  /** By the port of the client. */
  readonly connections: ReadonlyMap<number, Http2Connection>
  /** From the next GOAWAY on nothing reaches the client, until the returned function is called. */
  holdAtGoaway(): () => void
}

export async function openHttp2Proxy(to: number): Promise<Http2Proxy> {
  const connections = new Map<number, Http2Connection>()
  const sockets = new Set<net.Socket>()
  let holds = false
  let held: (() => void)[] = []
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const origin = net.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
    const connection = new Http2Connection()
    connections.set(Number(client.remotePort), connection)
    const readRequest = frameReader(PREFACE, (type, id) => {
      if (type === HEADERS) connection.begun.add(id)
    })
    const readReply = frameReader(0, (type, id, payload) => {
      if (type === GOAWAY) connection.goaways.push(payload.readUInt32BE(0))
      if (type === RST_STREAM && payload.readUInt32BE(0) === REFUSED_STREAM) {
        connection.refused.push(id)
      }
    })
    const reply = (pass: () => void) => {
      if (holds && connection.goaways.length > 0) held.push(pass)
      else pass()
    }
    client.on('data', (data) => {
      readRequest(data)
      origin.write(data)
    })
    origin.on('data', (data) => {
      readReply(data)
      reply(() => client.write(data))
    })
    client.on('end', () => origin.end())
    origin.on('end', () => reply(() => client.end()))
    for (const [socket, other] of [
      [client, origin],
      [origin, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
    }
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    holdAtGoaway() {
      holds = true
      return () => {
        holds = false
        for (const pass of held) pass()
        held = []
      }
    },
  }
}

type OnFrame = (type: number, stream: number, payload: Buffer) => void

/** Cuts a byte stream into frames. */
function frameReader(skip: number, onFrame: OnFrame): (data: Buffer) => void {
  let left = skip
  let buffer = Buffer.alloc(0)
  return (data) => {
    buffer = Buffer.concat([buffer, data])
    const skipped = Math.min(left, buffer.length)
    left -= skipped
    buffer = buffer.subarray(skipped)
    while (buffer.length >= HEAD) {
      const end = HEAD + buffer.readUIntBE(0, 3)
      if (buffer.length < end) return
      const [type = 0] = buffer.subarray(3)
      onFrame(type, buffer.readUInt32BE(5) & 0x7fffffff, buffer.subarray(HEAD, end))
      buffer = buffer.subarray(end)
    }
  }
}
