// The cipher suites with which a TLS connection can change process, as `getCipher()` names them.

/** IANA name → OpenSSL's name. */
const suites = {
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
} as const

export type CipherName = keyof typeof suites

export const cipherNames = Object.keys(suites) as CipherName[]

export function isCipherName(name: string): name is CipherName {
  return Object.hasOwn(suites, name)
}

/** Returns what `tlsSocket.getCipher()` returns. */
export function cipherOf(standardName: CipherName) {
  return { name: suites[standardName], standardName, version: protocolOf(standardName) }
}

/** Returns what `tlsSocket.getProtocol()` returns. The suites of TLS 1.3 name no key exchange. */
export function protocolOf(name: CipherName): 'TLSv1.2' | 'TLSv1.3' {
  return name.includes('_WITH_') ? 'TLSv1.2' : 'TLSv1.3'
}
