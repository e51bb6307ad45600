// A key of AES-GCM seals at most 2^24.5 records (RFC 8446, section 5.5); then a KeyUpdate comes first. Where there is no
// KeyUpdate, or no need of one, the key stays.

import { describe, expect, test } from 'vitest'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { splitRecords } from '../../support/tls/record-splitter.ts'
import { isTls13, ReferenceHalf, secretLength, suites } from '../../support/tls/reference.ts'
import { keyUpdate, message } from '../../support/tls/scripted-client.ts'
import { hasSecretsFiles, recordsOf } from '../../support/tls/secrets.ts'
import { Transcript } from '../../support/tls/transcript.ts'

const last = Math.floor(2 ** 24.5) - 2 ** 14

/** No record may have it: there is none after it. */
const lastNumber = 2n ** 64n - 1n
const outOfNumbers = expect.objectContaining({ code: 'EOVERFLOW' })

describe.runIf(hasSecretsFiles).each(suites)('$name', (suite) => {
  const secret = Buffer.alloc(secretLength(suite), 5)
  const { version, id } = suite
  const begin = (sequence: number | bigint) => ({
    session: new TlsSession(
      recordsOf({ version, suite: id, read: { secret }, write: { secret, sequence } }),
    ),
    client: new ReferenceHalf(suite, secret, BigInt(sequence)),
  })
  const replaces = isTls13(suite) && suite.cipher !== 'chacha20-poly1305'

  test('a key that has sealed enough', () => {
    const { session, client } = begin(last - 1)
    const transcript = new Transcript()
    for (const text of ['one', 'two', 'three']) {
      transcript.read(client, session.seal(Buffer.from(text)))
    }
    expect(transcript.replies).toEqual([
      'data one',
      ...(replaces ? ['key update'] : []),
      'data two',
      'data three',
    ])
    expect(client.sequence).toBe(replaces ? 2n : BigInt(last) + 2n)
  })

  test('one write that goes beyond', () => {
    const { session, client } = begin(last - 1)
    for (const record of splitRecords(session.seal(Buffer.alloc(50_000)))) client.open(record)
    const [record] = splitRecords(session.seal(Buffer.from('next')))
    expect(client.open(record as Buffer).type).toBe(replaces ? 22 : 23)
  })

  test.runIf(!isTls13(suite))('a client that renegotiates again and again is cut off', () => {
    const { session, client } = begin(1)
    const sender = new ReferenceHalf(suite, secret)
    const transcript = new Transcript()
    const hello = message(1, Buffer.alloc(20_000))
    for (let i = 0; i < 3; i++) {
      for (const part of [hello.subarray(0, 16_384), hello.subarray(16_384)]) {
        const { reply, error } = session.receive(sender.seal(22, part))
        expect(error).toBe(undefined)
        if (reply !== undefined) transcript.read(client, reply)
      }
    }
    expect(transcript.replies).toEqual(Array(3).fill('alert 1 noRenegotiation'))
    const { error } = session.receive(sender.seal(22, message(1, Buffer.alloc(99))))
    expect(error).toMatchObject({ code: 'ERR_TLS_SESSION_ATTACK' })
    expect(session.receive(sender.seal(23, Buffer.from('late'))).data).toEqual([])
  })

  test.runIf(!isTls13(suite))('what follows in the record that cuts it off changes nothing', () => {
    const { session, client } = begin(1)
    const hello = message(1, Buffer.alloc(99))
    const record = Buffer.concat([hello, hello, hello, hello, message(20, Buffer.alloc(4))])
    const { reply, error } = session.receive(new ReferenceHalf(suite, secret).seal(22, record))
    const transcript = new Transcript()
    transcript.read(client, reply as Buffer)
    expect(transcript.replies).toEqual(Array(3).fill('alert 1 noRenegotiation'))
    expect(error).toMatchObject({ code: 'ERR_TLS_SESSION_ATTACK' })
  })

  test('nothing is sent after close_notify, whatever the client still sends', () => {
    const { session, client } = begin(1)
    const sender = new ReferenceHalf(suite, secret)
    const transcript = new Transcript()
    const requests = isTls13(suite) ? [keyUpdate(1), keyUpdate(0)] : [message(1, Buffer.alloc(99))]
    // The KeyUpdate that the first message asks for is owed when the session closes.
    const [early, ...late] = isTls13(suite) ? requests : [Buffer.alloc(0), ...requests]
    expect(session.receive(sender.seal(22, early as Buffer)).reply).toBeUndefined()
    if (isTls13(suite)) sender.update()
    transcript.read(client, session.close())
    for (const handshake of late) {
      const { reply, error } = session.receive(sender.seal(22, handshake))
      expect([reply, error]).toEqual([undefined, undefined])
    }
    expect(transcript.replies).toEqual(['alert 1 closeNotify'])
  })

  test('without a sequence number to write, the connection fails', () => {
    const { session } = begin(lastNumber)
    expect(() => session.seal(Buffer.from('x'))).toThrow(outOfNumbers)
    // Nor can the alert be sealed.
    const { reply, error } = session.receive(
      Buffer.concat([Buffer.of(23, 3, 3, 0, 40), Buffer.alloc(40)]),
    )
    expect([reply, error]).toEqual([undefined, expect.any(Error)])
    expect(session.close()).toHaveLength(0)
  })

  test('without a sequence number to read, the client gets an alert', () => {
    const read = { secret, sequence: lastNumber }
    const session = new TlsSession(recordsOf({ version, suite: id, read, write: { secret } }))
    const record = new ReferenceHalf(suite, secret, lastNumber).seal(23, Buffer.from('x'))
    const { data, reply, error } = session.receive(record)
    const transcript = new Transcript()
    transcript.read(new ReferenceHalf(suite, secret), reply as Buffer)
    expect(transcript.replies).toEqual(['alert 2 internalError'])
    expect([data, error]).toEqual([[], expect.any(Error)])
  })

  test.runIf(isTls13(suite))('without a number for the KeyUpdate that is asked for', () => {
    const { session } = begin(lastNumber)
    const sender = new ReferenceHalf(suite, secret)
    expect(session.receive(sender.seal(22, keyUpdate(1))).error).toBeUndefined()
    sender.update()
    const { reply, error } = session.receive(sender.seal(22, keyUpdate(0)))
    expect([reply, error]).toEqual([undefined, outOfNumbers])
  })

  test('a session that is destroyed', () => {
    const { session } = begin(1)
    session.destroy()
    expect(
      session.receive(new ReferenceHalf(suite, secret).seal(23, Buffer.from('x'))).data,
    ).toEqual([])
    expect(session.close()).toHaveLength(0)
    expect(session.atRest).toBe(false)
    expect(() => session.progress()).toThrow(expect.objectContaining({ code: 'ECANCELED' }))
  })
})
