// A batch of connections of which the application exports state: as many as one message carries.

import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import { payloadLimitBytes } from '../../protocol/codec.ts'
import { reasonOf } from '../../terms/errors.ts'
import { canDepart, departing } from './depart.ts'
import { unmark } from './endings.ts'
import type { Arriving, Departing } from './mover.ts'

/** Largest item in bytes of JSON: with one more of this size a batch still fits into a message. */
const itemLimitBytes = payloadLimitBytes / 2 - 16_384

/** A connection at rest, as far as can be told without the application. */
export interface Candidate {
  /** Whether the application says so too. May throw, as whatever asks the application. */
  atRest(): boolean
  /** What the other process has to know. May throw. */
  item(): unknown
  readonly socket: Socket
  /** The application must not take the end of its socket here for a close. */
  silence(): void
  /** It has to stay, and why. */
  stay(reason: string): void
}

/**
 * Takes connections until the batch is full; what cannot be exported stays where it is.
 *
 * @remarks The application has been told, so there is no way back to the same socket: a connection
 * that does not go over after all arrives here again.
 * @param adopt - serves a connection again.
 */
export function fillBatch(
  candidates: Iterable<Candidate>,
  limit: number,
  adopt: (arriving: Arriving) => void,
): Departing[] {
  const batch: Departing[] = []
  let bytes = 0
  for (const candidate of candidates) {
    if (batch.length >= limit || bytes > itemLimitBytes) break
    let fd: number | undefined
    try {
      if (!candidate.atRest() || !canDepart(candidate.socket)) continue
      ;[fd] = departing([candidate.socket])
      // Descriptors get free as batches are acked; then we are asked again.
      if (fd === undefined) break
      const item = candidate.item()
      bytes += measure(item)
      batch.push(depart(candidate, fd, item, adopt))
    } catch (error) {
      if (fd !== undefined) {
        close(fd)
        unmark(candidate.socket)
      }
      candidate.stay(reasonOf(error))
    }
  }
  return batch
}

/** Takes the connection away from its socket: a plain close(2), and no FIN while the dup is open. */
function depart(
  { socket, silence }: Candidate,
  fd: number,
  item: unknown,
  adopt: (arriving: Arriving) => void,
): Departing {
  silence()
  socket.destroy()
  return { fd, item, gone: () => {}, stay: () => adopt({ fd, item }) }
}

/**
 * The size of an item in bytes of JSON.
 *
 * @throws where it is no JSON, or too large.
 */
function measure(item: unknown): number {
  const size = Buffer.byteLength(JSON.stringify(item))
  if (size <= itemLimitBytes) return size
  throw new RangeError(`its state takes ${size} bytes, and may take ${itemLimitBytes}`)
}
