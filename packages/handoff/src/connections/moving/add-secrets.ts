// Adds the secrets of a connection to those of its batch, or leaves the connection here.

import type { BatchSecrets } from './layer.ts'
import type { Secrets } from './mover.ts'

/** @returns 'none' if the secrets cannot be written. The connection then stays here, by `serveAgain`. */
export function addSecrets(
  batch: BatchSecrets | undefined,
  connection: Parameters<BatchSecrets['add']>[0] | undefined,
  serveAgain: () => void,
): Secrets | undefined | 'none' {
  if (batch === undefined || connection === undefined) return undefined
  try {
    return batch.add(connection)
  } catch {
    serveAgain()
    return 'none'
  }
}
