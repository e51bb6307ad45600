// Reads the alerts of the peer (RFC 8446, section 6; RFC 5246, section 7.2).

import { alertLevels, alerts } from './alerts.ts'
import { TLS_1_3 } from './content-types.ts'
import { failureOfPeer, failures, type TlsFailure } from './failures.ts'

/** Five in a row, as OpenSSL (MAX_WARN_ALERT_COUNT): each costs this process more than its sender. */
const maxWarnings = 5

/** Reads the alerts of the peer. */
export class AlertReader {
  readonly #isTls13: boolean
  #warnings = 0

  constructor(version: number) {
    this.#isTls13 = version === TLS_1_3
  }

  /** A record with data came that is no alert. */
  interrupt(): void {
    this.#warnings = 0
  }

  /** Reads a record of alerts. `'ignored'`: the connection goes on; `'closed'`: the peer sends nothing any more. */
  read(record: Uint8Array): 'ignored' | 'closed' | TlsFailure {
    const [level, description] = record
    if (record.length !== 2 || level === undefined || description === undefined) {
      return failures.invalidAlert
    }
    if (this.#isWarning(level, description)) {
      this.#warnings += 1
      if (this.#warnings === maxWarnings) return failures.tooManyWarnings
    }
    return this.#isTls13 ? meaningIn13(description) : meaningIn12(level, description)
  }

  /** TLS 1.3 has no levels: all alerts are fatal but two. */
  #isWarning(level: number, description: number): boolean {
    return this.#isTls13 ? description === alerts.userCanceled : level === alertLevels.warning
  }
}

function meaningIn13(description: number): 'ignored' | 'closed' | TlsFailure {
  if (description === alerts.userCanceled) return 'ignored'
  return description === alerts.closeNotify ? 'closed' : failureOfPeer(description)
}

function meaningIn12(level: number, description: number): 'ignored' | 'closed' | TlsFailure {
  if (level === alertLevels.fatal) return failureOfPeer(description)
  if (level !== alertLevels.warning) {
    return description === alerts.noRenegotiation
      ? failures.noRenegotiation
      : failures.unknownAlertLevel
  }
  if (description === alerts.closeNotify) return 'closed'
  return description === alerts.noRenegotiation ? failures.noRenegotiation : 'ignored'
}
