// Reads the two heads that open a WebSocket: the upgrade request, and the 101 that answers it.

import type { IncomingMessage } from 'node:http'

/** Fields that announce a body: a server would wait for it when the request is replayed. */
const bodyFields = new Set(['content-length', 'transfer-encoding', 'expect'])

/**
 * Writes the head of an upgrade request as the client sent it.
 *
 * @returns undefined if the request is not for a WebSocket, or cannot be replayed.
 */
export function requestHead(request: IncomingMessage): string | undefined {
  const { method, url, httpVersion, headers, rawHeaders } = request
  if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return undefined
  let head = `GET ${url} HTTP/${httpVersion}\r\n`
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (bodyFields.has(name.toLowerCase())) return undefined
    head += `${name}: ${rawHeaders[index + 1]}\r\n`
  }
  return `${head}\r\n`
}

/** What both sides agreed on when the connection was opened. A replay must lead to the same. */
export interface Agreement {
  /** Value of `Sec-WebSocket-Extensions`, '' if there is none. */
  extensions: string
  /** Value of `Sec-WebSocket-Protocol`, '' if there is none. */
  protocol: string
}

/**
 * Reads the head of the answer to an upgrade.
 *
 * @returns undefined if it is not a whole 101; `rest` is what follows it.
 */
export function readAgreement(bytes: Buffer): { agreement: Agreement; rest: Buffer } | undefined {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0 || !/^HTTP\/1\.1 101 /.test(text)) return undefined
  const head = text.slice(0, end)
  const agreement = {
    extensions: fieldOf(head, 'sec-websocket-extensions'),
    protocol: fieldOf(head, 'sec-websocket-protocol'),
  }
  return { agreement, rest: bytes.subarray(end + 4) }
}

function fieldOf(head: string, name: string): string {
  const values = head
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).trim())
  return values.join(', ')
}

/**
 * Whether each message is compressed by itself, or not at all. Then no state of a compressor has to
 * move (RFC 7692, section 7.1.1).
 */
export function hasNoContext({ extensions }: Agreement): boolean {
  if (extensions === '') return true
  const [name, ...parameters] = extensions.split(';').map((part) => part.trim().toLowerCase())
  return (
    name === 'permessage-deflate' &&
    !extensions.includes(',') &&
    parameters.includes('server_no_context_takeover') &&
    parameters.includes('client_no_context_takeover')
  )
}
