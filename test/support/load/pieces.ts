// The body of long downloads and uploads: known bytes, so that a digest tells whether any were lost.

import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

const PIECES = 20
const PIECE_BYTES = 16 * 1024

/** Twenty pieces, each with bytes of its own: one lost, doubled or moved changes the digest. */
export const pieces: readonly Buffer[] = Array.from({ length: PIECES }, (_, i) =>
  Buffer.alloc(PIECE_BYTES, `piece ${i} of ${PIECES};`),
)

export const piecesSha256 = sha256(pieces)

/** Yields the pieces spread evenly over so many milliseconds. */
export async function* piecesOver(ms: number): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    yield piece
    await pause(ms / PIECES)
  }
}

/** More than the kernel buffers of a loopback connection hold: a slow reader leaves the rest in the process. */
export const largeBody = Buffer.alloc(8 * 1024 * 1024, 'a large reply; ')

export const largeSha256 = sha256([largeBody])

function sha256(parts: readonly Buffer[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
