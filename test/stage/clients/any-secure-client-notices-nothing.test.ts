// The same over TLS: records of any size, cut anywhere, padded, and new keys between them.

import https from 'node:https'
import { identities } from '../../support/tls/identities.ts'
import { answering } from '../support/scripted-server.ts'
import { linesOf, script } from '../support/scripts.ts'
import { connectSecurely, type SecureLines, secure } from '../support/secure-scripts.ts'
import { type Service, testClients } from '../support/with-and-without.ts'

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

testClients(service, secure(script.map(linesOf)))
