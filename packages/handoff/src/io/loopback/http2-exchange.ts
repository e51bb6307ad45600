// Sends HTTP/2 requests over a connection, by the client of Node.js.

import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { builtins } from '../node/builtins.ts'
import type { Http1Request } from './http1-exchange.ts'

/**
 * Sends requests one after the other, and closes the connection.
 *
 * @returns the status of the first response; undefined if there was none.
 */
export async function exchangeHttp2(
  client: Socket,
  requests: readonly Http1Request[],
): Promise<number | undefined> {
  const { host = 'localhost' } = requests[0]?.headers ?? {}
  const session = builtins.http2.connect(`http://${host}`, { createConnection: () => client })
  session.on('error', () => {})
  const closed = new Promise((resolve) => client.once('close', resolve))
  let first: number | undefined
  try {
    for (const request of requests) {
      if (session.destroyed || session.closed) break
      const status = await ask(session, request)
      first ??= status
    }
  } finally {
    session.close()
  }
  await closed
  return first
}

async function ask(
  session: ClientHttp2Session,
  { method, url, headers: { host: _, ...headers }, body }: Http1Request,
): Promise<number | undefined> {
  const stream = session.request({ ...headers, ':method': method, ':path': url })
  let status: number | undefined
  stream.on('response', ({ ':status': code }) => {
    status = code
  })
  stream.on('error', () => {}).resume()
  stream.end(body)
  await new Promise((resolve) => stream.once('close', resolve))
  return status
}
