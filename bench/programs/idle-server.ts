// The server of bench/peers/generation.ts: prints its events, a line each.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHandoff, type HandoffEvent } from 'socket-handoff'

const print = (value: unknown) => console.log(JSON.stringify(value))

/** Prints when the idle connections have gone over: one busy client, and its next connection, may be here. */
function watchConnections(began: number): void {
  if (handoff.metrics().connections <= 2) print({ movedMs: performance.now() - began })
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
const server = http.createServer((_request, response) => {
  response.end(`generation ${handoff.generation}`)
})
server.keepAliveTimeout = 600_000
await handoff.listen(server, { host: '127.0.0.1', port: 0 })
await handoff.ready()
print({ port: (server.address() as AddressInfo).port })
