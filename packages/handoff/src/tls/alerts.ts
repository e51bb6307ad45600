// The numbers of alerts (RFC 8446, section 6).

/** The descriptions that are sent or have a meaning of their own here. */
export const alerts = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  illegalParameter: 47,
  decodeError: 50,
  internalError: 80,
  userCanceled: 90,
  noRenegotiation: 100,
} as const

export const alertLevels = { warning: 1, fatal: 2 } as const
