// The server of bench/peers/generation.ts: prints its events, a line each. The argument `secure` makes it HTTPS.

import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { createHandoff, type HandoffEvent } from 'socket-handoff'
import { identity } from './identity.ts'

const print = (value: unknown) => console.log(JSON.stringify(value))

/** How many busy clients there are. */
const busy = Number(process.env.BUSY)

/** Prints when the idle connections have gone over: the busy clients, and a new connection, may be here. */
function watchConnections(began: number): void {
  if (handoff.metrics().connections <= busy + 1) print({ movedMs: performance.now() - began })
  else setTimeout(watchConnections, 2, began)
}

function onEvent(event: HandoffEvent): void {
  print(event)
  const isCommit = event.type === 'stage' && (event.stage === 'ramp' || event.stage === 'drain')
  if (!isCommit || began) return
  began = true
  watchConnections(performance.now())
}

let began = false
const rendezvousPath = process.argv[2] ?? ''
const handoff = await createHandoff({ rendezvousPath, probationMs: 500, onEvent })
const large = Buffer.alloc(262_144, 'x')
const answer: http.RequestListener = (request, response) => {
  if (request.url === '/memory') response.end(String(residentBytes()))
  else if (request.url === '/large') response.end(large)
  else if (request.method === 'POST') receive(request, response)
  else response.end(`generation ${handoff.generation}`)
}
const server =
  process.argv[3] === 'secure' ? https.createServer(identity, answer) : http.createServer(answer)
server.keepAliveTimeout = 600_000
await handoff.listen(server, { host: '127.0.0.1', port: 0 })
await handoff.ready()
print({ port: (server.address() as AddressInfo).port })

function receive(request: http.IncomingMessage, response: http.ServerResponse): void {
  let size = 0
  request.on('data', (data: Buffer) => {
    size += data.length
  })
  request.on('end', () => response.end(String(size)))
}

/** After a full collection, if Node.js runs with --expose-gc. */
function residentBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}
