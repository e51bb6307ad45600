// Clients: what they ask, and what they get.

import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo, type Server } from 'node:net'

export type Where = { host: string; port: number } | { path: string }

/** Where a client reaches what listens there. */
export function whereIs(server: Server): Where {
  const address = server.address() as AddressInfo | string
  if (typeof address === 'string') return { path: address }
  const { address: host, port } = address
  return { host: host === '::' ? '::1' : host === '0.0.0.0' ? '127.0.0.1' : host, port }
}

/** The body of one reply; rejects unless it is 200 and whole. */
export async function ask(
  where: Where,
  { agent = false as http.Agent | false, path = '/' } = {},
): Promise<string> {
  const { host, port, path: socketPath } = where as { host?: string; port?: number; path?: string }
  const target = socketPath === undefined ? { host, port } : { socketPath }
  const request = http.get({ ...target, path, agent } as http.RequestOptions)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const piece of response.setEncoding('utf8')) body += piece
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${body}`)
  return body
}

/** A connection, without a word on it. */
export async function connect(where: Where): Promise<net.Socket> {
  const socket = net.connect({ ...where, allowHalfOpen: true } as net.NetConnectOpts)
  socket.on('error', () => {}) // The tests look at what arrives.
  await once(socket, 'connect')
  return socket
}

/** Everything that comes until the other side closes. */
export async function readAll(socket: net.Socket): Promise<string> {
  let text = ''
  for await (const piece of socket.setEncoding('utf8')) text += piece
  // Since Node 24 the iterator leaves the client's own side open.
  socket.destroy()
  return text
}
