// The same over TLS: records of any size, cut anywhere, padded, and new keys between them.

import https from 'node:https'
import fc from 'fast-check'
import { test } from 'vitest'
import { identities } from '../../support/tls/identities.ts'
import { answering } from '../support/scripted-server.ts'
import { linesOf, script } from '../support/scripts.ts'
import { connectSecurely, type SecureLines, secure } from '../support/secure-scripts.ts'
import { compare, compareTimeoutMs, type Service } from '../support/with-and-without.ts'

const service: Service<SecureLines> = {
  kind: 'http',
  make: (onRequest) =>
    Object.assign(
      https.createServer({ ...identities, allowHalfOpen: true }, answering(onRequest)),
      {
        httpAllowHalfOpen: true,
      },
    ),
  connect: connectSecurely,
}

const clients = fc.array(secure(script.map(linesOf)), { minLength: 1, maxLength: 3 })

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
