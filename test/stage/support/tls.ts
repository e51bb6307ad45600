// The key and the certificate of TLS servers.

import { readFileSync } from 'node:fs'

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

export const tls = { key: read('key.pem'), cert: read('certificate.pem') }
