// The server of bench/peers/generation.ts: prints its events, a line each.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHandoff } from 'socket-handoff'

const print = (value: unknown) => console.log(JSON.stringify(value))
const rendezvousPath = process.argv[2] ?? ''
const handoff = await createHandoff({ rendezvousPath, probationMs: 500, onEvent: print })
const server = http.createServer((_request, response) => {
  response.end(`generation ${handoff.generation}`)
})
server.keepAliveTimeout = 600_000
await handoff.listen(server, { host: '127.0.0.1', port: 0 })
await handoff.ready()
print({ port: (server.address() as AddressInfo).port })
