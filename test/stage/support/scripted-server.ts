// The server of the property test: what it answers depends on the request alone.

import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** @param onRequest - told of each request that is executed. */
export function answering(onRequest: (id: string) => void): RequestListener {
  return (request, response) => {
    // A client that is gone gets no answer.
    respond(request, response, onRequest).catch((error) => response.destroy(error))
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  onRequest: (id: string) => void,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url as string, 'http://test')
  const number = (name: string) => Number(searchParams.get(name))
  onRequest(pathname)
  response.sendDate = false
  const seen = number('early') === 1 ? 'unread' : await read(request)
  await turns(number('wait'))
  const piece = 'x'.repeat(number('size'))
  const end = `${request.method} ${seen} [end ${pathname}]\n`
  if (number('chunked') === 0) {
    response.setHeader('Content-Length', piece.length * number('pieces') + end.length)
  }
  for (let count = 0; count < number('pieces'); count++) {
    response.write(piece)
    await turns(number('wait'))
  }
  response.end(end)
}

async function read(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of request) hash.update(piece)
  return `${hash.digest('hex')} ${JSON.stringify(request.trailers)}`
}
