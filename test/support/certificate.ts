// The certificate that signs itself, of all secure servers under test: localhost, 127.0.0.1 and ::1.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** For programs that read it from a file. */
export const certificateFile = fileURLToPath(
  new URL('../fixtures/tls/certificate.pem', import.meta.url),
)

export const certificate = readFileSync(certificateFile)
