import type { Writable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as ws from 'ws'
import {
  closeCodes,
  closeFrame,
  FrameReader,
} from '../../../packages/handoff/src/connections/websocket/frames.ts'

// Both are exported, and not in the types.
const { Receiver, Sender } = ws as unknown as {
  Receiver: new (options: { isServer: boolean }) => Writable
  Sender: { frame(data: Buffer, options: object): Buffer[] }
}

const control = fc.record({
  opcode: fc.constantFrom(0x9, 0xa),
  payload: fc.uint8Array({ maxLength: 125 }),
})
const length = fc.oneof(fc.nat(130), fc.constantFrom(0, 125, 126, 127, 65_535, 65_536, 65_600))

interface Frame {
  fin: boolean
  opcode: number
  payload: Uint8Array
}

/** One message in one or more fragments, with control frames between them. */
const message = fc
  .tuple(
    fc.constantFrom(0x1, 0x2),
    fc.array(
      length.map((bytes) => new Uint8Array(bytes)),
      { minLength: 1, maxLength: 4 },
    ),
    fc.array(control, { maxLength: 2 }),
  )
  .map(([opcode, pieces, controls]): Frame[] =>
    pieces.flatMap((payload, index) => {
      const between = index === 0 ? [] : controls.map((frame) => ({ ...frame, fin: true }))
      const fin = index === pieces.length - 1
      return [...between, { fin, opcode: index === 0 ? opcode : 0, payload }]
    }),
  )

/** As the ws library writes it. */
function encode({ fin, opcode, payload }: Frame, mask: boolean): Buffer {
  const options = { fin, opcode, mask, readOnly: false, rsv1: false }
  return Buffer.concat(Sender.frame(Buffer.from(payload), options))
}

/** Cuts bytes at the given places. */
function split(bytes: Buffer, cuts: number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index]))
}

test('however the bytes are split, a boundary is where every message is whole', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 12 }),
      (messages, mask, cuts) => {
        const bytes = Buffer.concat(messages.flat().map((frame) => encode(frame, mask)))
        const reader = new FrameReader()
        let read = 0
        for (const piece of split(bytes, cuts)) {
          reader.push(piece)
          read += piece.length
          expect(reader.atBoundary).toBe(isBetweenMessages(messages, mask, read))
        }
        const controls = messages.flat().filter(({ opcode }) => opcode >= 0x8).length
        expect(reader.messages).toBe(messages.length + controls)
        expect(reader.closing).toBe(false)
      },
    ),
    { numRuns: 200 },
  )
})

/** Whether no message of several frames is open there: by a plain walk over the frames. */
function isBetweenMessages(messages: Frame[][], mask: boolean, place: number): boolean {
  let at = 0
  let open = false
  for (const frame of messages.flat()) {
    if (at === place) return !open
    at += encode(frame, mask).length
    if (frame.opcode < 0x8) open = !frame.fin
  }
  return at === place && !open
}

test('text is counted by its bytes, whether it is in the frame or begins one', () => {
  const reader = new FrameReader()
  const text = 'Zoë ☃'
  const length = Buffer.byteLength(text)
  reader.push(Buffer.from([0x81, length]))
  expect(reader.atBoundary).toBe(false)
  reader.pushText(text, undefined)
  expect(reader.atBoundary).toBe(true)
  reader.pushText('\x01\x01a', 'latin1')
  expect(reader.atBoundary).toBe(false)
  reader.pushText('\x80\x00', 'latin1')
  expect(reader.atBoundary).toBe(true)
  expect(reader.messages).toBe(2)
})

test.each([
  ['an opcode that is not defined', [0x83, 0x00]],
  [
    'a length that no message can have',
    [0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ],
])('after %s there is no boundary any more', (_, bytes) => {
  const reader = new FrameReader()
  reader.push(Buffer.from(bytes))
  expect(reader.atBoundary).toBe(false)
  reader.push(Buffer.from([0x81, 0x00]))
  expect(reader.atBoundary).toBe(false)
})

test('a close frame ends what counts', () => {
  const reader = new FrameReader()
  reader.push(closeFrame(closeCodes.serviceRestart))
  expect(reader.closing).toBe(true)
  expect(reader.messages).toBe(0)
})

test.each(Object.values(closeCodes))('ws understands our close frame %j', async (close) => {
  const receiver = new Receiver({ isServer: false })
  const concluded = new Promise((resolve) => {
    receiver.on('conclude', (code: number, reason: Buffer) => resolve([code, String(reason)]))
  })
  receiver.write(closeFrame(close))
  expect(await concluded).toEqual([close.code, close.reason])
})
