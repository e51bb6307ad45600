// The kinds of clients: each makes one request after the other and yields what became of it.

import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { http2Kept, http2New } from './http2-traffic.ts'
import { type Reply, send, type Target } from './send.ts'
import type { Outcome } from './tally.ts'
import { TimedTransfer } from './timed-transfer.ts'

export type Client = (target: Target) => AsyncGenerator<Outcome, void>

/** Long enough to be in flight across a handoff, and the times that the promise names. */
const SLOW_MS = 1500
const TRANSFER_MS = 2000

/** How long a keep-alive connection rests between two requests: most are at rest most of the time. */
const REST_MS = 10

/** Twenty pieces, each with bytes of its own: one lost, doubled or moved changes the digest. */
const uploadPieces = Array.from({ length: 20 }, (_, i) => Buffer.alloc(16 * 1024, `piece ${i};`))
const uploadSha256 = createHash('sha256').update(Buffer.concat(uploadPieces)).digest('hex')

/** Ends early with the request: its error reaches the request itself, which counts it. */
async function upload(request: http.ClientRequest, inMs: number): Promise<void> {
  const transfer = new TimedTransfer(inMs)
  for (const [index, piece] of uploadPieces.entries()) {
    if (request.destroyed) return
    request.write(piece)
    const aheadMs = transfer.aheadMs((index + 1) / uploadPieces.length)
    if (aheadMs > 0) await pause(aheadMs)
  }
  request.end()
}

/** A new connection with `Connection: close`: the server closes it. */
const newConnection = repeat((target) => send(target, { path: '/' }))

/** A new connection that could be kept alive, and that the client closes after one request. */
const closedByClient = repeat(async (target) => {
  const agent = keepAliveAgent(target)
  try {
    return await send(target, { path: '/', agent })
  } finally {
    agent.destroy()
  }
})

/** One connection, at rest now and then, used until a reply says `Connection: close`. */
const keepAlive: Client = async function* (target) {
  const agent = keepAliveAgent(target)
  let last: Reply | undefined
  try {
    for (;;) {
      const mayStay = last?.kind === 'ok' && last.headers.connection !== 'close'
      last = await send(target, { path: '/', agent })
      const untold = mayStay && last.kind === 'ok' && !last.reused
      yield untold ? { ...last, kind: 'untold', detail: 'closed between two requests' } : last
      await pause(REST_MS)
    }
  } finally {
    agent.destroy()
  }
}

/** Requests that are long in flight; each makes one. */
export const longRequests = {
  /** A reply that takes 1.5 s to begin. */
  slow: (target: Target) => send(target, { path: `/slow?ms=${SLOW_MS}` }),

  /** A chunked reply that takes 2 s. */
  download: (target: Target) =>
    send(target, { path: `/download?ms=${TRANSFER_MS}`, checkSha256: true }),

  /** A chunked body that takes 2 s; the server answers with the digest of what it got. */
  upload: (target: Target) =>
    send(target, {
      method: 'POST',
      path: '/upload',
      headers: { 'content-type': 'application/octet-stream' },
      text: uploadSha256,
      write: (request) => void upload(request, TRANSFER_MS),
    }),

  /** 8 MiB, read in 2 s: most of it is still in the process when the handler has ended. */
  slowReader: (target: Target) =>
    send(target, { path: '/large', readMs: TRANSFER_MS, checkSha256: true }),
}

export const traffic = {
  newConnection,
  closedByClient,
  keepAlive,
  slow: repeat(longRequests.slow),
  download: repeat(longRequests.download),
  upload: repeat(longRequests.upload),
  slowReader: repeat(longRequests.slowReader),
  http2New,
  http2Kept,
} satisfies Record<string, Client>

function repeat(request: (target: Target) => Promise<Outcome>): Client {
  return async function* (target) {
    for (;;) yield await request(target)
  }
}

function keepAliveAgent(target: Target): http.Agent {
  const options = { keepAlive: true, maxSockets: 1 }
  return target.ca === undefined ? new http.Agent(options) : new https.Agent(options)
}
