// Sends requests of this process to one of its own servers, in the server's protocol.

import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { builtins, isHttpServer, isHttpsServer, isTlsServer } from '../node/builtins.ts'
import { exchangeHttp1, type Http1Bytes, type Http1Request, http1Bytes } from './http1-exchange.ts'
import { exchangeHttp2 } from './http2-exchange.ts'
import type { Loopback } from './loopback.ts'

/**
 * Opens a connection, sends requests over it one after the other, and closes it.
 *
 * @returns the status of the first response; undefined if there was none.
 */
export type Exchange = (requests: readonly Http1Request[]) => Promise<number | undefined>

/** Whether a server speaks HTTP, so that requests can be sent to it. */
export function speaksHttp(server: Server): boolean {
  return isHttpServer(server) || isHttpsServer(server) || speaksHttp2(server)
}

/** Returns how requests are sent to a server that {@link speaksHttp}. */
export function exchangeWith(server: Server, loopback: Loopback): Exchange {
  const bytes = new Map<Http1Request, Http1Bytes>()
  const bytesOf = (request: Http1Request) => {
    const known = bytes.get(request) ?? http1Bytes(request)
    bytes.set(request, known)
    return known
  }
  const exchange = speaksHttp2(server)
    ? exchangeHttp2
    : (client: Socket, requests: readonly Http1Request[]) =>
        exchangeHttp1(client, requests.map(bytesOf))
  return async (requests) => {
    const connection = await loopback.connect()
    if (connection === undefined) return undefined
    const client = isTlsServer(server) ? await secure(connection, server, requests) : connection
    return client === undefined ? undefined : exchange(client, requests)
  }
}

/** Only servers of `node:http2` have this method. @see https://nodejs.org/api/http2.html */
function speaksHttp2(server: Server): boolean {
  return typeof (server as { updateSettings?: unknown }).updateSettings === 'function'
}

/**
 * Begins TLS. The server's certificate is not checked: it is of this process.
 *
 * @returns undefined if the server refuses.
 */
async function secure(
  socket: Socket,
  server: Server,
  [first]: readonly Http1Request[],
): Promise<TLSSocket | undefined> {
  const { host = 'localhost' } = first?.headers ?? {}
  const servername = host.replace(/:\d*$/, '')
  const client = builtins.tls.connect({
    socket,
    rejectUnauthorized: false,
    ALPNProtocols: [speaksHttp2(server) ? 'h2' : 'http/1.1'],
    // An address is no name. @see RFC 6066, section 3
    ...(/^[\d.]+$|^\[/.test(servername) ? {} : { servername }),
  })
  client.on('error', () => {})
  const isSecure = await new Promise<boolean>((resolve) => {
    client.once('secureConnect', () => resolve(true))
    client.once('close', () => resolve(false))
  })
  return isSecure ? client : undefined
}
