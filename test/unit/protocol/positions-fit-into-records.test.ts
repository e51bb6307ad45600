// The records of the file of positions: what fits is read as it was written, and all else is no position.

import { expect, test } from 'vitest'
import {
  type Position,
  PositionRecord,
  readPosition,
  recordBytes,
} from '../../../packages/handoff/src/protocol/position.ts'

const { short, long } = recordBytes

function written(position: Position, length: number = short): Uint8Array | undefined {
  const record = new PositionRecord(length)
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
  expect(bytes).toHaveLength(short)
  expect(readPosition(bytes as Uint8Array)).toEqual(position)
})

test.each<[keyof typeof recordBytes, string]>([
  ['short', 'x'.repeat(46)],
  ['short', 'é'.repeat(23)],
  ['long', 'x'.repeat(102)],
  ['long', 'é'.repeat(51)],
])('an item that is too long has no record: a %s one, %s', (length, item) => {
  expect(written({ read: 1, written: 1, item }, recordBytes[length])).toBeUndefined()
  expect(written({ read: 1, written: 1, item: item.slice(1) }, recordBytes[length])).toBeDefined()
})

test.each([
  ['at its beginning', 72_000, [0, 1, 0, 1, 0]],
  ['as far as a key may be used', 2 ** 31 - 1, [10_000, 2 ** 31, 10_000, 2 ** 31, 1]],
])('a TLS connection has room in a long record: %s', (_, idleMs, progress) => {
  const position = { read: 2 ** 40, written: 2 ** 40, item: { idleMs, tls: { progress } } }
  const bytes = written(position, long)
  expect(bytes).toHaveLength(long)
  expect(readPosition(bytes as Uint8Array)).toEqual(position)
})

test('a TLS connection of a server that counts requests has room in a long record, too', () => {
  const tls = { progress: [100, 20_000_000, 100, 20_000_000, 1] }
  const position = { read: 1, written: 1, item: { idleMs: 72_000, requests: 1_000_000, tls } }
  expect(readPosition(written(position, long) as Uint8Array)).toEqual(position)
})

test('a long record of which only the first bytes were written is no position', () => {
  const tls = (sequence: number) => ({ tls: { progress: [0, sequence, 0, sequence, 0] } })
  const before = written({ read: 500, written: 500, item: tls(5) }, long) as Uint8Array
  const after = written({ read: 600, written: 600, item: tls(6) }, long) as Uint8Array
  for (let count = 2; count < long - 8; count++) {
    const torn = Uint8Array.from([...after.subarray(0, count), ...before.subarray(count)])
    expect(readPosition(torn), `${count}`).toBeUndefined()
  }
  expect(readPosition(after)).toMatchObject({ read: 600, item: tls(6) })
})

test('a record can be written again, by a shorter item', () => {
  const record = new PositionRecord(short)
  record.write({ read: 1, written: 1, item: 'a longer one' })
  record.write({ read: 2, written: 3, item: 'short' })
  expect(readPosition(record.bytes)).toEqual({ read: 2, written: 3, item: 'short' })
})

test('it lies anywhere in a buffer', () => {
  const bytes = new Uint8Array(3 * short)
  bytes.set(written({ read: 5, written: 6, item }) as Uint8Array, short)
  const [first, second] = [0, 1].map((n) => bytes.subarray(n * short, (n + 1) * short))
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
