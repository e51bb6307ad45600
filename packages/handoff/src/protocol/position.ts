// The records of the file of positions: where each connection that went over was last at rest.

import type { RestMessage } from './messages.ts'

/** Where a connection is at rest. */
export type Position = Omit<RestMessage, 'number'>

/**
 * The record of connection number n begins at so many bytes times n. Those of TLS connections need long ones: an item
 * has five more numbers there, and must not be read if only a part of it was written: a sequence number that is out of
 * date would be used twice. So a long record ends with the bytes read once more.
 */
export const recordBytes = { short: 64, long: 128 } as const

/**
 * Offsets in a record: bytes read and bytes written (8 bytes each, little-endian), how many bytes the item has
 * as JSON (1 byte; 0: there is no record), and the item.
 */
const [readAt, writtenAt, lengthAt, itemAt] = [0, 8, 16, 17]

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]

/** One record, which is written again and again. */
export class PositionRecord {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #item: Uint8Array
  /** Where the bytes read stand again, if they do. */
  readonly #againAt: number | undefined

  /** @param length - one of {@link recordBytes}. */
  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
    this.#againAt = againAt(length)
    this.#item = this.bytes.subarray(itemAt, this.#againAt)
  }

  /** Returns false if the item is too long. */
  write({ read, written, item }: Position): boolean {
    const text = JSON.stringify(item)
    const encoded = encoder.encodeInto(text, this.#item)
    if (encoded.read < text.length) return false
    setNumber(this.#view, readAt, read)
    setNumber(this.#view, writtenAt, written)
    this.#view.setUint8(lengthAt, encoded.written)
    if (this.#againAt !== undefined) setNumber(this.#view, this.#againAt, read)
    return true
  }
}

/**
 * Reads a record that another process has written.
 *
 * @param bytes - those of one record.
 * @returns undefined if there is none, or it is not one.
 */
export function readPosition(bytes: Uint8Array): Position | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint8(lengthAt)
  if (length === 0) return undefined
  const item = readJson(bytes.subarray(itemAt, itemAt + length))
  const read = numberAt(view, readAt)
  const again = againAt(bytes.byteLength)
  if (item === undefined || (again !== undefined && numberAt(view, again) !== read))
    return undefined
  return { read, written: numberAt(view, writtenAt), item }
}

function againAt(length: number): number | undefined {
  return length === recordBytes.long ? length - 8 : undefined
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    return undefined
  }
}

/** A number is at most 2⁵³ − 1: no need for a BigInt of its own. */
function setNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

function numberAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}
