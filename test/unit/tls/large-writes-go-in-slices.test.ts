// Data of any size is sealed and written slice by slice, in one buffer that all connections share.

import { expect, test } from 'vitest'
import { writeSealed } from '../../../packages/handoff/src/tls/sealed-write.ts'

const sliceBytes = 65_536

type Callback = (error?: Error | null) => void

/** A session that seals by adding a byte before the data, and the records that it has made. */
function session() {
  const rooms: (Buffer | undefined)[] = []
  const seal = (data: Uint8Array | readonly Uint8Array[], room?: Buffer) => {
    rooms.push(room)
    const text = Buffer.concat(data as readonly Uint8Array[])
    if (text.length === 0) return text
    const sealed = Buffer.concat([Buffer.of(1), text])
    if (room === undefined) return sealed
    expect(room.length).toBeGreaterThan(sealed.length)
    sealed.copy(room)
    return room.subarray(0, sealed.length)
  }
  return { seal, rooms }
}

/** A socket that keeps what it gets, and takes it at once or later. */
function socket({ isSlow = false } = {}) {
  const written: Buffer[] = []
  const waiting: Callback[] = []
  const send = (records: Buffer, callback: Callback) => {
    expect(waiting, 'one write after the other').toEqual([])
    written.push(Buffer.from(records))
    if (isSlow) waiting.push(callback)
    else callback()
  }
  const data = () => Buffer.concat(written.map((record) => record.subarray(1)))
  return { written, data, send, take: (error?: Error) => waiting.shift()?.(error) }
}

/** Parts of these sizes, with different bytes. */
function partsOf(sizes: readonly number[]): Buffer[] {
  return sizes.map((size, part) => Buffer.from(Array.from({ length: size }, (_, at) => part + at)))
}

test.each([
  [[]],
  [[0, 0]],
  [[10]],
  [[0, 4_001, 0]],
  [[sliceBytes]],
  [[150, sliceBytes]],
  [[sliceBytes, 1, sliceBytes - 1, 5]],
  [[300_000, 7, 100_000]],
])('parts of %j bytes are written in order, and the end is reported once', (sizes) => {
  for (const isSlow of [false, true]) {
    const { seal } = session()
    const { send, data, written, take } = socket({ isSlow })
    const parts = partsOf(sizes)
    const ends: unknown[] = []
    writeSealed({ seal }, parts, send, (error) => ends.push(error))
    while (ends.length === 0) take()
    take()
    const all = Buffer.concat(parts)
    expect(data().equals(all)).toBe(true)
    expect(written.map(({ length }) => length - 1)).toEqual(
      Array.from({ length: Math.ceil(all.length / sliceBytes) }, (_, slice) =>
        Math.min(sliceBytes, all.length - slice * sliceBytes),
      ),
    )
    expect(ends).toEqual([undefined])
  }
})

test('all slices are in one buffer, and few bytes need none', () => {
  const { seal, rooms } = session()
  const { send } = socket()
  for (const size of [300_000, 100_000, 4_000]) {
    writeSealed({ seal }, [Buffer.alloc(size)], send, () => {})
  }
  expect(rooms).toHaveLength(5 + 2 + 1)
  expect(rooms.at(-1)).toBeUndefined()
  expect(new Set(rooms.slice(0, -1)).size).toBe(1)
})

test('a write that waits for its client keeps its bytes, whatever is written meanwhile', () => {
  const [first, second] = [session(), session()]
  const slow = socket({ isSlow: true })
  const sent: Buffer[] = []
  const ends: string[] = []
  const keep = (records: Buffer, callback: Callback) => {
    sent.push(records)
    slow.send(records, callback)
  }
  writeSealed(first, [Buffer.alloc(100_000, 'a')], keep, () => ends.push('first'))
  writeSealed(second, [Buffer.alloc(200_000, 'b')], socket().send, () => ends.push('second'))
  expect(ends).toEqual(['second'])
  expect(sent[0]?.subarray(1).equals(Buffer.alloc(sliceBytes, 'a'))).toBe(true)
  expect(second.rooms[0]).not.toBe(first.rooms[0])
  slow.take()
  slow.take()
  expect(ends).toEqual(['second', 'first'])
  expect(slow.data().equals(Buffer.alloc(100_000, 'a'))).toBe(true)
})

test('a very long reply needs no deep stack', () => {
  const ends: unknown[] = []
  const { seal } = { seal: (_: unknown, room?: Buffer) => room ?? Buffer.alloc(1) }
  const send = (_: Buffer, callback: Callback) => callback()
  writeSealed({ seal }, [Buffer.alloc(500_000_000)], send, (error) => ends.push(error))
  expect(ends).toEqual([undefined])
})

test.each([[false], [true]])(
  'an error of the socket ends the write; it comes later: %s',
  (isSlow) => {
    const { seal, rooms } = session()
    const failure = new Error('EPIPE')
    const ends: unknown[] = []
    const { send, take } = socket({ isSlow: true })
    const fail = (_: Buffer, callback: Callback) => callback(failure)
    writeSealed({ seal }, [Buffer.alloc(300_000)], isSlow ? send : fail, (error) =>
      ends.push(error),
    )
    if (isSlow) take(failure)
    expect(ends).toEqual([failure])
    expect(rooms).toHaveLength(1)
  },
)

test('nothing is written of what cannot be sealed, and its buffer serves the next write', () => {
  const failure = new Error('the protocol is shut down')
  const rooms: (Buffer | undefined)[] = []
  const seal = (_: unknown, room?: Buffer) => {
    rooms.push(room)
    throw failure
  }
  const { send, written } = socket()
  const ends: unknown[] = []
  for (const size of [300_000, 300_000, 10]) {
    writeSealed({ seal }, [Buffer.alloc(size)], send, (error) => ends.push(error))
  }
  expect(ends).toEqual([failure, failure, failure])
  expect(written).toEqual([])
  expect(rooms[1]).toBe(rooms[0])
})
