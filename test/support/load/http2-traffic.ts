// HTTP/2 clients: a new session for each request, or one session until the server says GOAWAY.

import { type ClientHttp2Session, connect } from 'node:http2'
import type { Target } from './send.ts'
import type { Outcome } from './tally.ts'

/** As the HTTP/1 clients: far beyond the longest reply on a busy machine. */
const DEADLINE_MS = 60_000

/** A new connection and session for each request. */
export async function* http2New(target: Target): AsyncGenerator<Outcome, void> {
  for (;;) {
    const session = open(target)
    const outcome = await request(session)
    session.close()
    yield outcome
  }
}

/** One session, used again and again until it closes; then a new one. */
export async function* http2Kept(target: Target): AsyncGenerator<Outcome, void> {
  let session = open(target)
  try {
    for (;;) {
      if (session.closed || session.destroyed) session = open(target)
      yield await request(session)
    }
  } finally {
    session.close()
  }
}

function open({ host = '127.0.0.1', port, ca }: Target): ClientHttp2Session {
  const session = connect(`https://${host}:${port}`, ca === undefined ? {} : { ca })
  // Its streams end with the error of their session; an idle session that ends hurts nobody.
  session.on('error', () => {})
  return session
}

function request(session: ClientHttp2Session): Promise<Outcome> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    let pid: string | undefined
    let status = 0
    const end = (kind: Outcome['kind'], detail = '') =>
      resolve({ kind, detail, pid, ms: performance.now() - startedAt })

    const stream = session.request({ ':path': '/' })
    stream.setTimeout(DEADLINE_MS, () => end('timeout', `no whole reply in ${DEADLINE_MS} ms`))
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
      pid = headers['x-pid']?.toString()
    })
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') end('refused', `${error}`)
      else end(status === 0 ? 'reset' : 'truncated', `${error}`)
    })
    stream.on('end', () => {
      if (status >= 200 && status <= 299) end('ok')
      else end(status === 0 ? 'reset' : 'non2xx', `status ${status || 'none'}`)
    })
    // After `end` or `error` this changes nothing.
    stream.on('close', () => end('reset', 'the stream closed without a reply'))
    stream.resume()
  })
}
