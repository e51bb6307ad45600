// The certificates of a TLS connection that began in another process, in the forms of Node.js.

import type { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import { builtins } from '../../io/node/builtins.ts'

/** The certificate of a peer, and those that certify it. */
export class CertificateChain {
  readonly #encoded: readonly string[]
  #certificates: X509Certificate[] | undefined

  /** @param encoded - the peer's first, as DER in base64. Parsed when the application asks. */
  constructor(encoded: readonly string[]) {
    this.#encoded = encoded
  }

  get first(): X509Certificate | undefined {
    return this.#parsed[0]
  }

  /** As `tlsSocket.getPeerCertificate(detailed)`: an empty object if the peer has none. */
  describe(detailed: boolean): PeerCertificate | DetailedPeerCertificate | Record<never, never> {
    const certificates = detailed ? this.#parsed : this.#parsed.slice(0, 1)
    const described = certificates.map((one) => one.toLegacyObject() as DetailedPeerCertificate)
    if (!detailed) return described[0] ?? {}
    for (const [index, one] of described.entries()) {
      const issuer = described[index + 1]
      if (issuer !== undefined) one.issuerCertificate = issuer
      else if (certificates[index]?.checkIssued(certificates[index])) one.issuerCertificate = one
    }
    return described[0] ?? {}
  }

  get #parsed(): X509Certificate[] {
    this.#certificates ??= this.#encoded.map(
      (text) => new builtins.crypto.X509Certificate(Buffer.from(text, 'base64')),
    )
    return this.#certificates
  }
}

/** Returns the certificates that a peer has sent, as DER in base64. */
export function encodeChain(first: PeerCertificate | DetailedPeerCertificate): string[] {
  const encoded: string[] = []
  let next: Partial<DetailedPeerCertificate> | undefined = first as DetailedPeerCertificate
  while (next?.raw !== undefined) {
    encoded.push(next.raw.toString('base64'))
    // A certificate that certifies itself is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate
  }
  return encoded
}

/** Returns the certificate with which a server was made; undefined if it has several, or another form. */
export function certificateOf(server: object): X509Certificate | undefined {
  const { cert } = server as { cert?: unknown }
  try {
    return new builtins.crypto.X509Certificate(cert as string | Buffer)
  } catch {
    return undefined
  }
}
