// However the network cuts the records of a client, whatever their sizes are, and wherever the connection goes over to
// another process, both sides get each byte once and in order.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TlsRecords } from '../../../packages/handoff/src/io/native/tls-records.ts'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { splitRecords } from '../../support/tls/record-splitter.ts'
import {
  isTls13,
  ReferenceHalf,
  type Suite,
  secretLength,
  suites,
} from '../../support/tls/reference.ts'
import { hasSecretsFiles, readEntry, recordsOf } from '../../support/tls/secrets.ts'

type Step =
  | { do: 'client writes'; bytes: number; padding: number }
  | { do: 'client updates'; request: 0 | 1 }
  | { do: 'server writes'; parts: number[] }
  | { do: 'goes over' }
  | { do: 'follows by numbers' }

const size = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200) },
  { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 16_384 }) },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('client writes' as const),
      bytes: size,
      padding: fc.oneof(fc.constant(0), fc.nat(239)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('client updates' as const),
      request: fc.constantFrom<0 | 1>(0, 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('server writes' as const),
      parts: fc.array(fc.oneof(size, fc.nat(60_000)), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('goes over' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('follows by numbers' as const) }) },
)

/** A client, and a session that may go from one process to the next. */
class Run {
  readonly #suite: Suite
  readonly #cuts: readonly number[]
  #cut = 0
  readonly #write: ReferenceHalf
  readonly #read: ReferenceHalf
  #session: TlsSession
  /** Has the secrets of the begin, and follows by numbers. */
  #follower: TlsRecords
  /** How often the client has asked for a KeyUpdate. Each has an answer before the next data. */
  #requests = 0
  #updates = 0
  #sent: Buffer[] = []
  #served: Buffer[] = []
  readonly received: Buffer[] = []
  readonly replies: Buffer[] = []

  constructor(suite: Suite, cuts: readonly number[]) {
    this.#suite = suite
    this.#cuts = cuts
    const [client, server] = [1, 2].map((byte) => Buffer.alloc(secretLength(suite), byte))
    this.#write = new ReferenceHalf(suite, client as Buffer)
    this.#read = new ReferenceHalf(suite, server as Buffer)
    const secrets = {
      version: suite.version,
      suite: suite.id,
      read: { secret: client as Buffer },
      write: { secret: server as Buffer },
    }
    this.#session = new TlsSession(recordsOf(secrets))
    this.#follower = recordsOf(secrets)
  }

  step(step: Step): void {
    switch (step.do) {
      case 'client writes':
        return this.#clientWrites(step.bytes, step.padding)
      case 'client updates':
        if (isTls13(this.#suite)) this.#clientUpdates(step.request)
        return
      case 'server writes':
        return this.#serverWrites(step.parts)
      case 'goes over':
        return this.#goOver()
      default:
        return this.#follow()
    }
  }

  end(): void {
    const { data, ended } = this.#deliver(this.#write.seal(21, Buffer.of(1, 0)))
    this.received.push(...data)
    expect(ended).toBe(true)
    this.#clientReads(this.#session.close())
    expect(Buffer.concat(this.received).equals(Buffer.concat(this.#sent))).toBe(true)
    expect(Buffer.concat(this.replies).equals(Buffer.concat(this.#served))).toBe(true)
  }

  #clientWrites(bytes: number, padding: number): void {
    const data = Buffer.alloc(bytes, `${this.#sent.length} `)
    this.#sent.push(data)
    const fits = isTls13(this.#suite) ? padding : 0
    this.received.push(...this.#deliver(this.#write.seal(23, data, fits)).data)
  }

  #clientUpdates(request: 0 | 1): void {
    this.#deliver(this.#write.seal(22, Buffer.of(24, 0, 0, 1, request)))
    this.#write.update()
    this.#requests += request
  }

  #serverWrites(lengths: readonly number[]): void {
    const parts = lengths.map((length, i) => Buffer.alloc(length, `${i}${this.#served.length}`))
    this.#served.push(...parts)
    const only = parts.length === 1 ? (parts[0] as Buffer) : parts
    this.#clientReads(this.#session.seal(only))
    if (lengths.some((length) => length > 0)) expect(this.#updates).toBe(this.#requests)
  }

  #goOver(): void {
    expect(this.#session.atRest).toBe(true)
    const file = SecretsFile.create(1)
    this.#session.writeSecrets(file, 0)
    file.seal()
    expect(() => this.#session.seal(Buffer.of(1))).toThrow()
    this.#session.destroy()
    // Its progress begins at 0: what follows by numbers begins again, too.
    this.#session = new TlsSession(new TlsRecords(file, 0))
    this.#follower = new TlsRecords(file, 0)
    file.release()
  }

  /** A process that has kept the file comes to the same place by numbers. */
  #follow(): void {
    this.#follower.advance(this.#session.progress())
    const file = SecretsFile.create(2)
    this.#session.writeSecrets(file, 0)
    this.#follower.writeSecrets(file, 1)
    const [ours, others] = [0, 1].map((index) => readEntry(file, index))
    file.release()
    expect(others).toEqual(ours)
    this.#session.resume()
  }

  /** Delivers a record in the pieces that the network makes of it. */
  #deliver(record: Buffer) {
    const result = { data: [] as Buffer[], ended: false }
    // Long ones in fewer pieces: else this takes minutes.
    const scale = record.length > 1000 ? 100 : 1
    for (let at = 0; at < record.length; ) {
      const cut = (this.#cuts[this.#cut++ % this.#cuts.length] as number) * scale
      const chunk = Buffer.from(record.subarray(at, at + cut))
      at += chunk.length
      const { data, reply, ended, error } = this.#session.receive(chunk)
      expect(error).toBe(undefined)
      result.data.push(...data)
      result.ended ||= ended
      if (reply !== undefined) this.#clientReads(reply)
      if (at < record.length) {
        expect(this.#session.atRest).toBe(false)
        expect(this.#session.bytesPending).toBe(at)
      }
    }
    return result
  }

  #clientReads(stream: Buffer): void {
    for (const record of splitRecords(stream)) {
      const { type, data } = this.#read.open(record)
      if (type === 23) this.replies.push(data)
      if (type !== 22) continue
      this.#read.update()
      this.#updates += 1
    }
  }
}

describe.runIf(hasSecretsFiles).each(suites)('$name', (suite) => {
  test('any stream', () => {
    const cuts = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9000 })),
      {
        minLength: 1,
        maxLength: 5,
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), cuts, (steps, cuts) => {
        const run = new Run(suite, cuts)
        for (const step of steps) run.step(step)
        run.end()
      }),
      { numRuns: 40 },
    )
  })

  test('many records in one chunk become one piece', () => {
    const secret = Buffer.alloc(secretLength(suite), 1)
    const client = new ReferenceHalf(suite, secret)
    const { version, id } = suite
    const direction = { secret }
    const session = new TlsSession(
      recordsOf({ version, suite: id, read: direction, write: direction }),
    )
    const chunk = Buffer.concat(
      [...'abcdefgh'].map((letter) => client.seal(23, Buffer.from(letter))),
    )
    const { data } = session.receive(chunk)
    expect(data.map(String)).toEqual(['abcdefgh'])
  })
})
