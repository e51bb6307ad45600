// Compares two readings of the progress of a connection.

import type { Progress } from '../../io/native/many-connections.ts'

/**
 * Whether no process has read from a connection or written to it between two readings. False if the kernel does
 * not report it.
 */
export function isUntouched(then: Progress | undefined, now: Progress | undefined): boolean {
  if (then === undefined || now === undefined) return false
  return then.read === now.read && then.written === now.written
}
