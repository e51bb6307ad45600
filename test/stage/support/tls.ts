// The key and the certificate of TLS servers.

import { readFileSync } from 'node:fs'

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

export const tls = { key: read('key.pem'), cert: read('certificate.pem') }

/** A client's key, and its certificate. {@link authority} certifies it. */
export const clientIdentity = { key: read('client-key.pem'), cert: read('client.pem') }

/** The certificate of an authority, which certifies itself. */
export const authority = read('authority.pem')
