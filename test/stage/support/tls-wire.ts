// A proxy that keeps the bytes of one connection, and passes on as many as a test wants.

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

export interface Wire {
  readonly port: number
  /** What the client and the server have sent. */
  readonly fromClient: () => Buffer
  readonly fromServer: () => Buffer
  /** What the client sends goes on to the server up to here: in bytes from the first one on. */
  limit: number
  close(): void
}

/** Listens for one connection, and passes it on to a server. */
export async function openWire(port: number): Promise<Wire> {
  const chunks: Record<'client' | 'server', Buffer> = {
    client: Buffer.alloc(0),
    server: Buffer.alloc(0),
  }
  let limit = Number.POSITIVE_INFINITY
  let passed = 0
  let target: net.Socket | undefined
  const pass = () => {
    const next = chunks.client.subarray(passed, Math.min(limit, chunks.client.length))
    passed += next.length
    if (next.length > 0) target?.write(next)
  }
  const proxy = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    target = server
    client.on('data', (chunk) => {
      chunks.client = Buffer.concat([chunks.client, chunk])
      pass()
    })
    server.on('data', (chunk) => {
      chunks.server = Buffer.concat([chunks.server, chunk])
      client.write(chunk)
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    fromClient: () => chunks.client,
    fromServer: () => chunks.server,
    get limit() {
      return limit
    },
    set limit(bytes) {
      limit = bytes
      pass()
    },
    close: () => proxy.close(),
  }
}
