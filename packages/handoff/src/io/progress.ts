// How far a connection has come, by the kernel's word.

import { loadNative } from './native.ts'

/** Bytes that a process has read from it, and written to it, since it was opened. */
export interface Progress {
  read: number
  written: number
}

/**
 * Asks the kernel.
 *
 * @returns undefined where it does not tell: not on Linux, not TCP, or the connection is gone.
 * @see tcp(7), TCP_INFO and SIOCINQ
 * @internal
 */
export function readProgress(fd: number): Progress | undefined {
  const out = new Float64Array(2)
  if (loadNative().readProgress(fd, out) < 0) return undefined
  const [read = 0, written = 0] = out
  return { read, written }
}
