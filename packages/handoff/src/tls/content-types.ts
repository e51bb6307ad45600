// The numbers of TLS that more than one file here has: content types, and versions.

/** What a record has in it (RFC 8446, section 5.1). */
export const contentTypes = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const

/** The number of TLS 1.3 in its messages. TLS 1.2 is one less. */
export const TLS_1_3 = 0x0304
