// A stream that is changed on its way never crashes a session, and never reaches the application: it gets the data
// before the change, and the client an alert that fits.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTls13, ReferenceHalf, secretLength, suites } from '../../support/tls/reference.ts'
import { ScriptedClient } from '../../support/tls/scripted-client.ts'
import { hasSecretsFiles } from '../../support/tls/secrets.ts'
import { answersOfSession } from '../../support/tls/session-peer.ts'

type Change = (stream: Buffer) => Buffer

const at = fc.nat(5000)

/** What may happen to a stream. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(at, fc.nat(7)).map(([at, bit]) => (stream: Buffer) => {
    const copy = Buffer.from(stream)
    const index = at % copy.length
    copy.writeUInt8(copy.readUInt8(index) ^ (1 << bit), index)
    return copy
  }),
  fc
    .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 40 }))
    .map(([at, bytes]) => (stream: Buffer) => {
      const index = at % stream.length
      return Buffer.concat([stream.subarray(0, index), bytes, stream.subarray(index)])
    }),
  fc.tuple(at, fc.integer({ min: 1, max: 50 })).map(([at, count]) => (stream: Buffer) => {
    const index = at % stream.length
    return Buffer.concat([stream.subarray(0, index), stream.subarray(index + count)])
  }),
  fc.tuple(at, at).map(([from, to]) => (stream: Buffer) => {
    const [a, b] = [from % stream.length, to % stream.length].sort((x, y) => x - y)
    return Buffer.concat([stream, stream.subarray(a, b)])
  }),
  fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => () => Buffer.from(bytes)),
)

/** The contents of records: some are wrong themselves. */
const content = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant(23), fc.uint8Array({ maxLength: 60 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(21, 22), fc.uint8Array({ maxLength: 9 })) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 9 })) },
)

const fatal = (...names: string[]) => names.map((name) => `alert 2 ${name}`)

describe.runIf(hasSecretsFiles).each(suites)('$name', (suite) => {
  const secret = Buffer.alloc(secretLength(suite), 7)
  const allowed = [
    ...fatal(
      'badRecordMac',
      'recordOverflow',
      'unexpectedMessage',
      'illegalParameter',
      'decodeError',
    ),
    ...(isTls13(suite) ? ['key update'] : fatal('protocolVersion', 'handshakeFailure')),
    ...['alert 1 noRenegotiation', 'data bye', 'alert 1 closeNotify'],
  ]

  test('any stream that is changed', () => {
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 12 }),
        fc.array(change, { maxLength: 2 }),
        fc.integer({ min: 1, max: 300 }),
        (contents, changes, size) => {
          const client = new ScriptedClient(new ReferenceHalf(suite, secret))
          for (const [type, bytes] of contents) client.seal(type, bytes)
          const stream = changes.reduce(
            (stream, change) => (stream.length > 0 ? change(stream) : stream),
            client.stream,
          )
          const chunks: Buffer[] = []
          for (let at = 0; at < stream.length; at += size) {
            chunks.push(Buffer.from(stream.subarray(at, at + size)))
          }
          const { data, ended, code, replies } = answersOfSession(suite, { secret }, chunks).result
          expect(replies.filter((reply) => !allowed.includes(reply))).toEqual([])
          // Either the end or an error, and a fatal alert is the last word.
          expect(ended && code !== undefined).toBe(false)
          const alerts = replies.findIndex((reply) => reply.startsWith('alert 2'))
          expect([-1, replies.length - 1]).toContain(alerts)
          const sent = contents
            .filter(([type]) => type === 23)
            .map(([, bytes]) => Buffer.from(bytes).toString('latin1'))
            .join('')
          expect(sent.startsWith(data)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})
