// Whatever a client does, and whenever a handoff comes: it gets the bytes that it gets without one.

import http from 'node:http'
import { answering } from '../support/scripted-server.ts'
import { linesOf, script } from '../support/scripts.ts'
import { type Service, testClients } from '../support/with-and-without.ts'

const service: Service = {
  kind: 'http',
  // Half-closed clients get their answers, if the server is told so; Node's default cuts them.
  make: (onRequest) =>
    Object.assign(http.createServer(answering(onRequest)), { httpAllowHalfOpen: true }),
}

testClients(service, script.map(linesOf))
