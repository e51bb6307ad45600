// A batch of connections of which the application exports state: as many as one message carries.

import { reasonOf } from '../errors.ts'
import { payloadLimitBytes } from '../protocol/codec.ts'
import type { Moving } from './mover.ts'

/** Largest item in bytes of JSON: with one more of this size a batch still fits into a message. */
const itemLimitBytes = payloadLimitBytes / 2 - 16_384

/** A connection at rest, as far as can be told without the application. */
export interface Candidate {
  /** Whether the application says so too. May throw, as whatever asks the application. */
  atRest(): boolean
  /** What the other process has to know. May throw. */
  item(): unknown
  /** Lets go of it; undefined where that cannot be. */
  detach(): number | undefined
  /** It has to stay, and why. */
  stay(reason: string): void
}

/** Takes connections until the batch is full; what cannot be exported stays where it is. */
export function fillBatch(candidates: Iterable<Candidate>, limit: number): Moving[] {
  const batch: Moving[] = []
  let bytes = 0
  for (const candidate of candidates) {
    if (batch.length >= limit || bytes > itemLimitBytes) break
    try {
      if (!candidate.atRest()) continue
      const { item, size } = measure(candidate.item())
      const fd = candidate.detach()
      if (fd === undefined) continue
      bytes += size
      batch.push({ fd, item })
    } catch (error) {
      candidate.stay(reasonOf(error))
    }
  }
  return batch
}

/** @throws where the item is no JSON, or too large. */
function measure(item: unknown): { item: unknown; size: number } {
  const size = Buffer.byteLength(JSON.stringify(item))
  if (size <= itemLimitBytes) return { item, size }
  throw new RangeError(`its state takes ${size} bytes, and may take ${itemLimitBytes}`)
}
