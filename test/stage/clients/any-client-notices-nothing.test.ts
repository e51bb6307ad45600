// Whatever a client does, and whenever a handoff comes: it gets the bytes that it gets without one.

import http from 'node:http'
import fc from 'fast-check'
import { test } from 'vitest'
import { answering } from '../support/scripted-server.ts'
import { linesOf, script } from '../support/scripts.ts'
import { compare, compareTimeoutMs, type Service } from '../support/with-and-without.ts'

const service: Service = {
  kind: 'http',
  // Half-closed clients get their answers, if the server is told so; Node's default cuts them.
  make: (onRequest) =>
    Object.assign(http.createServer(answering(onRequest)), { httpAllowHalfOpen: true }),
}

const clients = fc.array(script.map(linesOf), { minLength: 1, maxLength: 3 })

test(
  'every byte is as it is without a handoff, and no request is executed twice',
  async () => {
    await compare(service, clients)
  },
  compareTimeoutMs,
)

test(
  'the same holds if a handoff begins while the one before still drains',
  async () => {
    await compare(service, clients, { overlap: true })
  },
  compareTimeoutMs,
)

test(
  'the same holds if both processes accept for a while',
  async () => {
    await compare(service, clients, { ramp: true })
  },
  compareTimeoutMs,
)
