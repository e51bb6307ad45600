// Two keys and their certificates, of ECDSA and of RSA: the suites of TLS 1.2 need one or the other.

import { readFileSync } from 'node:fs'

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** Options of a server that has both. Each certificate signs itself: `cert` is a `ca` of clients, too. */
export const identities = {
  key: [read('key.pem'), read('rsa-key.pem')],
  cert: [read('certificate.pem'), read('rsa-certificate.pem')],
}
