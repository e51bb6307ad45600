// One request on one connection, never sent twice: a retry would hide what the tests look for.

import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { finished } from 'node:stream/promises'
import type { Kind, Outcome } from './tally.ts'
import { TimedTransfer } from './timed-transfer.ts'

/** Where the server is: host and port, or a Unix path. `ca` makes it https. */
export interface Target {
  host?: string
  port?: number
  socketPath?: string
  ca?: string | Buffer
  /** Of each request that has no deadline of its own. One minute: far beyond the longest reply (2 s) on a busy machine. */
  deadlineMs?: number
}

export interface Request {
  path: string
  method?: string
  headers?: http.OutgoingHttpHeaders
  /** The pool to take the connection from; without it a new connection with `Connection: close`. */
  agent?: http.Agent
  /** Writes the body and ends it; without it there is none. */
  write?: (request: http.ClientRequest) => void
  /** Reads the reply in about so many milliseconds: a slow reader. */
  readMs?: number
  /** What the reply must be. */
  text?: string
  /** The reply must name its SHA-256 in `x-sha256`, and have it. */
  checkSha256?: boolean
  deadlineMs?: number
}

/** A reply that arrived whole, beside what the tally wants to know. */
export interface Reply extends Outcome {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  /** Whether it came over a connection that had carried a request before. */
  reused: boolean
}

const kindOf: Record<string, Kind> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EADDRNOTAVAIL: 'local',
  EMFILE: 'local',
}

/** Sends one request and tells what became of it; never rejects. */
export function send(target: Target, request: Request): Promise<Reply> {
  const startedAt = performance.now()
  const reply: Reply = {
    kind: 'ok',
    detail: '',
    pid: undefined,
    ms: 0,
    status: 0,
    headers: {},
    text: '',
    reused: false,
  }

  return new Promise((resolve) => {
    const end = (kind: Kind, detail = '') => {
      clearTimeout(deadline)
      resolve({ ...reply, kind, detail, ms: performance.now() - startedAt })
    }
    const { method = 'GET', headers = {}, path, agent = false } = request
    const options = { ...target, host: target.host ?? '127.0.0.1', method, headers, path, agent }
    const outgoing = target.ca === undefined ? http.request(options) : https.request(options)

    const deadlineMs = request.deadlineMs ?? target.deadlineMs ?? 60_000
    const deadline = setTimeout(() => {
      end('timeout', `no whole reply in ${deadlineMs} ms (status ${reply.status || 'none'})`)
      outgoing.destroy()
    }, deadlineMs)

    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (reply.status === 0) end(kindOf[error.code ?? ''] ?? 'reset', String(error))
    })
    outgoing.on('response', async (response) => {
      reply.status = response.statusCode ?? 0
      reply.headers = response.headers
      reply.reused = outgoing.reusedSocket
      reply.pid = response.headers['x-pid']?.toString()
      try {
        const { sha256, text } = await read(response, request.readMs)
        reply.text = text
        if (reply.status < 200 || reply.status > 299)
          return end('non2xx', `${reply.status} ${text}`)
        const [want, got] = request.checkSha256
          ? [response.headers['x-sha256'] ?? 'a digest', sha256]
          : [request.text ?? text, text]
        if (want !== got) return end('wrongBody', `expected ${want}, got ${got.slice(0, 200)}`)
        return end('ok')
      } catch (error) {
        return end('truncated', String(error))
      }
    })
    if (request.write === undefined) outgoing.end()
    else request.write(outgoing)
  })
}

/** Texts longer than this are compared by their digest alone. */
const TEXT_LIMIT_BYTES = 64 * 1024

/** @param inMs - the reply has a `content-length` then. */
async function read(response: http.IncomingMessage, inMs: number | undefined) {
  const hash = createHash('sha256')
  const start: Buffer[] = []
  let bytes = 0
  const transfer = inMs === undefined ? undefined : new TimedTransfer(inMs)
  const length = Number(response.headers['content-length'])
  response.on('data', (piece: Buffer) => {
    hash.update(piece)
    if (bytes < TEXT_LIMIT_BYTES) start.push(piece)
    bytes += piece.length
    const aheadMs = transfer?.aheadMs(bytes / length) ?? 0
    if (aheadMs === 0) return
    response.pause()
    setTimeout(() => response.resume(), aheadMs)
  })
  await finished(response)
  return { sha256: hash.digest('hex'), text: Buffer.concat(start).toString() }
}
