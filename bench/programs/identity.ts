// The key and the certificate of secure servers: those of the tests.

import { readFileSync } from 'node:fs'

const read = (name: string) =>
  readFileSync(new URL(`../../test/fixtures/tls/${name}`, import.meta.url))

export const identity = { key: read('key.pem'), cert: read('certificate.pem') }
