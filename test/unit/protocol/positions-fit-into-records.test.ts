// The records of the file of positions: what fits is read as it was written, and all else is no position.

import { expect, test } from 'vitest'
import {
  type Position,
  PositionRecord,
  readPosition,
  recordBytes,
} from '../../../packages/handoff/src/protocol/position.ts'

function written(position: Position): Uint8Array | undefined {
  const record = new PositionRecord()
  return record.write(position) ? record.bytes : undefined
}

const item = { idleMs: 72_000, requests: 12 }

test.each<[string, Position]>([
  ['small', { read: 1, written: 2, item }],
  ['none', { read: 0, written: 0, item }],
  ['more than 32 bits', { read: 2 ** 32, written: 2 ** 33 + 5, item }],
  ['the largest', { read: Number.MAX_SAFE_INTEGER, written: Number.MAX_SAFE_INTEGER, item }],
  [
    'the longest that a server makes',
    { read: 1, written: 1, item: { idleMs: 2 ** 31 - 1, requests: 2 ** 31 } },
  ],
  ['with letters of two bytes', { read: 1, written: 1, item: 'é'.repeat(22) }],
])('a position is read as it was written: %s', (_, position) => {
  const bytes = written(position)
  expect(bytes).toHaveLength(recordBytes)
  expect(readPosition(bytes as Uint8Array)).toEqual(position)
})

test.each([['x'.repeat(46)], ['é'.repeat(23)]])(
  'an item that is too long has no record: %s',
  (item) => {
    expect(written({ read: 1, written: 1, item })).toBeUndefined()
  },
)

test('a record can be written again, by a shorter item', () => {
  const record = new PositionRecord()
  record.write({ read: 1, written: 1, item: 'a longer one' })
  record.write({ read: 2, written: 3, item: 'short' })
  expect(readPosition(record.bytes)).toEqual({ read: 2, written: 3, item: 'short' })
})

test('it lies anywhere in a buffer', () => {
  const bytes = new Uint8Array(3 * recordBytes)
  bytes.set(written({ read: 5, written: 6, item }) as Uint8Array, recordBytes)
  const [first, second] = [0, 1].map((n) => bytes.subarray(n * recordBytes, (n + 1) * recordBytes))
  expect(readPosition(first as Uint8Array), 'never written').toBeUndefined()
  expect(readPosition(second as Uint8Array)).toEqual({ read: 5, written: 6, item })
})

test.each([
  ['its item is no JSON', 5],
  ['its item is cut off', 10],
  ['its length is beyond its end', 255],
])('bytes are no position if %s', (_, length) => {
  const bytes = written({ read: 1, written: 1, item: { idleMs: 1 } }) as Uint8Array
  bytes[16] = length
  if (length === 255) bytes.fill(0x7b, 17)
  expect(readPosition(bytes)).toBeUndefined()
})
