// Writes data of any size as records: one slice after the other, so that no buffer has to hold all of them.

import type { TlsSession } from './session.ts'

type Callback = (error?: Error | null) => void

/** Data in one slice: four of the longest records, which are still in the cache of the processor when they are written. */
const sliceBytes = 4 * 16_384

/** A slice as records, whatever the suite: each adds at most 29 bytes. One KeyUpdate may go before it. */
const sealedBytes = sliceBytes + 1_024

/** Up to so many bytes `Buffer.allocUnsafe` takes memory that it has already. */
const fewBytes = 4_000

/**
 * The buffer that all connections of this thread use in turn: new memory for each slice costs more than its encryption.
 * Undefined while a write holds it, which waits for its client then. Further writes have one of their own.
 */
let shared: Buffer | undefined

/**
 * Seals data and writes it. Calls back once the kernel has all of it, or with the first error.
 *
 * @param send - writes records, in the order of the calls. It may call back before it returns.
 */
export function writeSealed(
  session: Pick<TlsSession, 'seal'>,
  parts: readonly Uint8Array[],
  send: (records: Buffer, callback: Callback) => void,
  callback: Callback,
): void {
  if (isFew(parts)) {
    writeFew(session, parts, send, callback)
    return
  }
  const slices = slicesOf(parts)
  const writeNext = () => {
    // A loop: a call for each slice of a long reply would need a deep stack.
    for (let isWritten = true; isWritten; ) {
      const next = slices.next()
      if (next.done === true) return callback()
      isWritten = false
      let hasReturned = false
      const buffer = takeBuffer(next.value)
      let records: Buffer
      try {
        records = session.seal(next.value, buffer)
      } catch (error) {
        giveBack(buffer)
        return callback(error as Error)
      }
      send(records, (error) => {
        giveBack(buffer)
        if (error) callback(error)
        else if (hasReturned) writeNext()
        else isWritten = true
      })
      hasReturned = true
    }
  }
  writeNext()
}

/** Most replies: one record, or a few. */
function writeFew(
  session: Pick<TlsSession, 'seal'>,
  parts: readonly Uint8Array[],
  send: (records: Buffer, callback: Callback) => void,
  callback: Callback,
): void {
  let records: Buffer
  try {
    records = session.seal(parts)
  } catch (error) {
    callback(error as Error)
    return
  }
  if (records.length === 0) callback()
  else send(records, callback)
}

function isFew(parts: readonly Uint8Array[]): boolean {
  let length = 0
  for (const part of parts) length += part.length
  return length <= fewBytes
}

/** Cuts data into slices, each of one or more parts. */
function* slicesOf(parts: readonly Uint8Array[]): Generator<Uint8Array[], undefined> {
  let slice: Uint8Array[] = []
  let room = sliceBytes
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + room)
      slice.push(piece)
      at += piece.length
      room -= piece.length
      if (room > 0) continue
      yield slice
      slice = []
      room = sliceBytes
    }
  }
  if (slice.length > 0) yield slice
}

/** @returns undefined if the slice needs none. */
function takeBuffer(slice: readonly Uint8Array[]): Buffer | undefined {
  if (isFew(slice)) return undefined
  const taken = shared ?? Buffer.allocUnsafeSlow(sealedBytes)
  shared = undefined
  return taken
}

function giveBack(buffer: Buffer | undefined): void {
  if (buffer !== undefined) shared = buffer
}
