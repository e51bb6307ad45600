// Sends HTTP/1.1 requests over a connection, and reads as little of the responses as possible.

import type { Socket } from 'node:net'

export interface Http1Request {
  readonly method: string
  readonly url: string
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

/** The bytes of a request, with and without `Connection: close`. */
export interface Http1Bytes {
  readonly keeping: Uint8Array
  readonly closing: Uint8Array
}

export function http1Bytes({ method, url, headers, body }: Http1Request): Http1Bytes {
  const { host = 'localhost', ...others } = headers
  const content = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
  const fields: Record<string, string> = { host, ...others }
  if (body !== undefined) fields['content-length'] = String(content.length)
  const bytes = (connection: string) => {
    const lines = Object.entries({ ...fields, connection }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    const head = `${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
    return Buffer.concat([Buffer.from(head, 'latin1'), content])
  }
  return { keeping: bytes('keep-alive'), closing: bytes('close') }
}

/**
 * Sends requests one after the other. The last one lets the server close the connection.
 *
 * @remarks A parser on this side would take more processor time than the server takes. So each piece of
 * data sends the next request: if a response comes in several pieces, requests may wait for each other in
 * the server, which Node.js answers in order.
 * @returns the status of the first response, when the connection is closed; undefined if there was none.
 */
export async function exchangeHttp1(
  client: Socket,
  requests: readonly Http1Bytes[],
): Promise<number | undefined> {
  let sent = 0
  const send = () => {
    const request = requests[sent]
    if (request === undefined) return
    sent += 1
    client.write(sent === requests.length ? request.closing : request.keeping)
  }
  const first = new FirstStatus()
  client.on('data', (data: Buffer) => {
    first.read(data)
    send()
  })
  send()
  await new Promise((resolve) => client.once('close', resolve))
  return first.status
}

/** Reads the status of the first final response of a connection. */
class FirstStatus {
  status: number | undefined
  #head = ''

  read(data: Buffer): void {
    if (this.status !== undefined) return
    this.#head += data.toString('latin1')
    // Interim responses come before it: 100 Continue, 103 Early Hints.
    const [, status] =
      /^(?:HTTP\/1\.\d 1\d\d[\s\S]*?\r\n\r\n)*HTTP\/1\.\d ([2-9]\d\d)/.exec(this.#head) ?? []
    if (status === undefined) return
    this.status = Number(status)
    this.#head = ''
  }
}
