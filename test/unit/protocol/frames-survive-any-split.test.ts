// The codec gives back what was sent, however the kernel cuts and merges it, and no descriptor is lost.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Decoder,
  descriptorLimit,
  encode,
  type Frame,
  payloadLimitBytes,
} from '../../../packages/handoff/src/protocol/codec.ts'
import type { Message } from '../../../packages/handoff/src/protocol/messages.ts'
import { arbitraryMessage } from '../support/messages.ts'

interface Piece {
  bytes: Uint8Array
  descriptors: number[]
}

const arbitraryFrames = fc.array(fc.tuple(arbitraryMessage, fc.nat(4)), {
  minLength: 1,
  maxLength: 8,
})

/** Numbers the descriptors and encodes the frames: what the sender does. */
function write(frames: readonly (readonly [Message, number])[]) {
  let next = 3
  const sent: Frame<number>[] = frames.map(([message, count]) => ({
    message,
    descriptors: Array.from({ length: count }, () => next++),
  }))
  return {
    sent,
    pieces: sent.map(({ message, descriptors }) => ({
      bytes: encode(message, descriptors.length),
      descriptors,
    })),
  }
}

/** Cuts and merges as a stream does: a descriptor arrives with the first byte of its own piece. */
function split(pieces: readonly Piece[], cuts: readonly number[]): Piece[] {
  const all = Buffer.concat(pieces.map(({ bytes }) => bytes))
  let offset = 0
  const starts = pieces.map(({ bytes, descriptors }) => {
    const start = { at: offset, descriptors }
    offset += bytes.length
    return start
  })
  const edges = [...new Set([0, ...cuts.map((cut) => cut % all.length), all.length])].sort(
    (a, b) => a - b,
  )
  return edges.slice(1).map((to, index) => {
    const from = edges[index] as number
    const inside = starts.filter(({ at }) => at >= from && at < to)
    return {
      bytes: all.subarray(from, to),
      descriptors: inside.flatMap(({ descriptors }) => descriptors),
    }
  })
}

function violation(act: () => unknown): void {
  expect(act).toThrow(expect.objectContaining({ code: 'ERR_HANDOFF_PROTOCOL' }))
}

function header(length: number, type: number, descriptors = 0): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt32BE(length)
  bytes.writeUInt8(type, 4)
  bytes.writeUInt8(descriptors, 5)
  return bytes
}

const HELLO = 1
const RELEASE = 9
const release = encode({ type: 'release' })

test('any split and any merge gives the same frames with their own descriptors', () => {
  fc.assert(
    fc.property(arbitraryFrames, fc.array(fc.nat()), (frames, cuts) => {
      const { sent, pieces } = write(frames)
      const decoder = new Decoder<number>()
      const received = split(pieces, cuts).flatMap(({ bytes, descriptors }) =>
        decoder.push(bytes, descriptors),
      )
      expect(received).toEqual(sent)
      expect(decoder.incomplete).toBe(false)
      expect(decoder.takeStrays()).toEqual([])
    }),
  )
})

test('a frame may come byte by byte', () => {
  const decoder = new Decoder<number>()
  const bytes = encode({ type: 'hello', versions: [1], pid: 7 }, 1)
  const frames = [...bytes].flatMap((byte, index) =>
    decoder.push(Uint8Array.of(byte), index === 0 ? [42] : []),
  )
  expect(frames).toEqual([{ message: { type: 'hello', versions: [1], pid: 7 }, descriptors: [42] }])
})

test('whatever arrives, every descriptor is handed back exactly once', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })
  const extra = fc.array(fc.nat(3), { maxLength: 8 })
  fc.assert(
    fc.property(arbitraryFrames, fc.array(fc.nat()), damage, extra, (frames, cuts, bad, more) => {
      const { pieces } = write(frames)
      let spare = 1_000
      const reads = split(pieces, cuts).map(({ bytes, descriptors }, index) => ({
        bytes: Buffer.from(bytes),
        descriptors: [...descriptors, ...Array.from({ length: more[index] ?? 0 }, () => spare++)],
      }))
      for (const [at, value] of bad) {
        const { bytes } = reads[at % reads.length] as { bytes: Buffer }
        bytes[at % bytes.length] = value
      }
      const decoder = new Decoder<number>()
      const pushed: number[] = []
      const handedBack: number[] = []
      for (const { bytes, descriptors } of reads) {
        pushed.push(...descriptors)
        try {
          handedBack.push(...decoder.push(bytes, descriptors).flatMap((f) => f.descriptors))
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_HANDOFF_PROTOCOL' })
          break
        }
      }
      handedBack.push(...decoder.takeStrays())
      expect(handedBack.sort()).toEqual(pushed.sort())
      expect(decoder.takeStrays()).toEqual([])
    }),
    { numRuns: 300 },
  )
})

describe('ends the channel', () => {
  test.each<[string, Uint8Array]>([
    ['a payload over its bound, before the payload has come', header(payloadLimitBytes + 1, HELLO)],
    ['a payload of 4 GiB', header(0xffff_ffff, HELLO)],
    ['an empty payload', header(0, RELEASE)],
    ['message type 0', header(2, 0)],
    ['a message type of a later release', header(2, 255)],
    ['more descriptors than a frame may have', header(2, RELEASE, descriptorLimit + 1)],
    ['a payload that is not UTF-8', Buffer.concat([header(2, RELEASE), Buffer.of(0xc3, 0x28)])],
    ['a payload that is not JSON', Buffer.concat([header(2, RELEASE), Buffer.from('{]')])],
    ['a payload that is no object', Buffer.concat([header(2, RELEASE), Buffer.from('42')])],
    ['a payload that is a list', Buffer.concat([header(2, RELEASE), Buffer.from('[]')])],
    ['a payload that is null', Buffer.concat([header(4, RELEASE), Buffer.from('null')])],
    ['a broken frame behind a good one', Buffer.concat([release, header(0, RELEASE)])],
  ])('%s', (_, bytes) => {
    const decoder = new Decoder<number>()
    violation(() => decoder.push(bytes, [42]))
    expect(decoder.takeStrays()).toEqual([42])
  })

  test('a frame that announces more descriptors than came', () => {
    const decoder = new Decoder<number>()
    violation(() => decoder.push(encode({ type: 'listeners', first: 0 }, 3), [42, 43]))
    expect(decoder.takeStrays()).toEqual([42, 43])
  })

  test('descriptors without a frame', () => {
    const decoder = new Decoder<number>()
    violation(() => decoder.push(release, [42]))
    expect(decoder.takeStrays()).toEqual([42])
  })

  test('descriptors of frames that were decoded in the same read as a broken one', () => {
    const decoder = new Decoder<number>()
    const good = encode({ type: 'listeners', first: 0 }, 2)
    violation(() => decoder.push(Buffer.concat([good, header(0, HELLO)]), [42, 43]))
    expect(decoder.takeStrays().sort()).toEqual([42, 43])
  })

  test('descriptors piled up on the pieces of one frame', () => {
    const decoder = new Decoder<number>()
    const frame = encode({ type: 'abort', code: 'X', reason: 'x'.repeat(1_000) })
    let next = 3
    violation(() => {
      for (const byte of frame) {
        decoder.push(
          Uint8Array.of(byte),
          Array.from({ length: descriptorLimit }, () => next++),
        )
      }
    })
    expect(next).toBeLessThan(3 + 3 * descriptorLimit)
    expect(decoder.takeStrays()).toHaveLength(next - 3)
  })
})

test('a stream that ends inside a frame is incomplete', () => {
  const decoder = new Decoder<number>()
  decoder.push(release.subarray(0, 3), [42])
  expect(decoder.incomplete).toBe(true)
  expect(decoder.takeStrays()).toEqual([42])
})

describe('encode', () => {
  const longest = payloadLimitBytes - JSON.stringify({ code: '', reason: '' }).length

  test('takes the longest payload that a frame may have', () => {
    const bytes = encode({ type: 'abort', code: '', reason: 'x'.repeat(longest) })
    expect(new Decoder().push(bytes)).toHaveLength(1)
  })

  test('refuses a longer one, counted in bytes', () => {
    violation(() => encode({ type: 'abort', code: '', reason: 'x'.repeat(longest + 1) }))
    violation(() => encode({ type: 'abort', code: '', reason: `${'x'.repeat(longest - 1)}ä` }))
  })

  test('refuses more descriptors than a frame may have', () => {
    expect(encode({ type: 'listeners', first: 0 }, descriptorLimit)[5]).toBe(descriptorLimit)
    violation(() => encode({ type: 'listeners', first: 0 }, descriptorLimit + 1))
  })
})
