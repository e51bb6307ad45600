// Follows TLS connections from the first server on, so that they can change process later.

import { isMainThread } from 'node:worker_threads'
import { countTlsRecords } from '../io/native/tls-counts.ts'
import { realSystem } from '../io/system/system.ts'

/**
 * Follows the connections of all TLS servers that are made from now on, if they may move.
 *
 * @remarks Many programs make their server before they create the handoff. Never throws: without the native core
 * `createHandoff` reports what is missing.
 */
export function followTls(env = realSystem.env): void {
  if (!isMainThread || env.HANDOFF_TLS === 'close') return
  try {
    countTlsRecords()
  } catch {
    // As above.
  }
}
