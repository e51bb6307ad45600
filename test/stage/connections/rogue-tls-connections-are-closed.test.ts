// Secrets that are wrong, cut or no secrets at all: no byte of them reaches the application, and nothing is
// ever said in clear text.

import { openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import type { RecordClient } from '../../support/tls/record-client.ts'
import { isTls13, ReferenceHalf, suiteOf, suites } from '../../support/tls/reference.ts'
import {
  type Direction,
  fileOf,
  layout,
  type Secrets,
  secretsFile,
} from '../../support/tls/secrets.ts'
import { until } from '../../support/until.ts'
import { handshaken } from '../support/rogue-tls.ts'
import { secureSuccessor } from '../support/secure-successor.ts'

const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const tlsItem = { idleMs: 0, tls: { cipher: 'TLS_AES_128_GCM_SHA256' } }

async function hasEnded(client: RecordClient): Promise<void> {
  await until('the client is closed', () => client.readableEnded || client.destroyed)
}

type Spoil = (secrets: Secrets) => Secrets

/** Other keys, or another number. */
function other({ sequence = 0n, secret }: Direction, skipped = 0n, fill?: number, from = 0) {
  const changed = Buffer.from(secret)
  if (fill !== undefined) changed.fill(fill, from)
  return { secret: changed, sequence: BigInt(sequence) + skipped, explicitNonce: 1n << 40n }
}

/** What is wrong with the secrets to read: the alert has keys that the client knows. */
const wrongToRead: Record<string, (read: Direction) => Direction> = {
  'the sequence number to read is behind': (read) => other(read, 1n),
  'the sequence number to read is far off': (read) => other(read, 1n << 40n),
  'the secret to read is another': (read) => other(read, 0n, 7),
  'the secret to read is cut': (read) => other(read, 0n, 0, 16),
}

const nextKeys: Spoil = ({ read, ...rest }) => {
  const half = new ReferenceHalf(suiteOf(rest.version, rest.suite), read.secret)
  half.update()
  return { ...rest, read: { secret: half.secret, sequence: 0n } }
}

/** What is wrong with both: the client only sees a record that is not for it. */
const wrongForBoth: Record<string, Spoil> = {
  'the suite is another': (secrets) => ({ ...secrets, suite: otherSuite[secrets.suite] ?? 0 }),
  'both directions are exchanged': ({ read, write, ...rest }) => ({
    ...rest,
    read: write,
    write: read,
  }),
}

const otherSuite: Record<number, number> = { 4865: 0x1303, 49195: 0xcca9, 52393: 0xc02b }

const tested = suites.filter(({ id }) => id in otherSuite)

describe.each(tested)('with $name', (suite) => {
  const is13 = isTls13(suite)
  const item = { idleMs: 0, tls: { cipher: suite.standardName } }

  /** Hands over a connection with secrets of which something may be wrong. */
  async function handed(spoil: Spoil = (secrets) => secrets) {
    const { hand, requests } = await secureSuccessor()
    const { client, heard, fd, secrets } = await handshaken({ suite })
    const file = secretsFile(spoil(secrets))
    hand([item], sealed(file), [fd, file.fd])
    return { client, heard, requests }
  }

  test('right secrets: the connection goes on', async () => {
    const { client, heard, requests } = await handed()
    client.write(request)
    await until('the reply', () => heard().endsWith('hello'))
    expect(requests).toEqual(['/'])
  })

  const toRead = Object.entries(wrongToRead).map(([what, change]): [string, Spoil] => [
    what,
    ({ read, ...rest }) => ({ ...rest, read: change(read) }),
  ])
  if (is13) toRead.push(['the secret to read is that after a KeyUpdate', nextKeys])

  test.each(toRead)('%s: an alert, and nothing for the application', async (_, spoil) => {
    const { client, heard, requests } = await handed(spoil)
    client.write(request)
    await hasEnded(client)
    expect(requests).toEqual([])
    expect(heard()).toBe('')
    expect(client.alerts).toEqual(['bad_record_mac'])
  })

  test.each(Object.entries(wrongForBoth))('%s: nothing for the application', async (_, spoil) => {
    const { client, heard, requests } = await handed(spoil)
    client.write(request)
    await hasEnded(client)
    expect(requests).toEqual([])
    expect(heard()).toBe('')
    expect(`${client.errored ?? ''}`).not.toMatch(/no TLS record|clear text/)
  })

  test.each<[string, Spoil]>([
    ['sequence number', ({ write, ...rest }) => ({ ...rest, write: other(write, 1n) })],
    ['secret', ({ write, ...rest }) => ({ ...rest, write: other(write, 0n, 7) })],
  ])('the %s to write is wrong: the client refuses the reply', async (_, spoil) => {
    const { client, heard } = await handed(spoil)
    client.write(request)
    await hasEnded(client)
    expect(heard()).toBe('')
    // A record, and no clear text: it is not authentic.
    expect(`${client.errored}`).toMatch(/unable to authenticate/)
  })

  test('a client that goes on in clear text gets an alert', async () => {
    const { client, heard, requests } = await handed()
    client.blurt(Buffer.from(request))
    await hasEnded(client)
    expect(requests).toEqual([])
    expect(heard()).toBe('')
    expect(client.alerts).toEqual([is13 ? 'unexpected_message' : 'protocol_version'])
  })
})

/** Seals it, and returns its size. */
function sealed(file: SecretsFile): number {
  file.seal()
  return file.bytes
}

interface Batch {
  items: unknown[]
  /** As the message has it. */
  secretBytes: number | undefined
  /** The descriptor after that of the connection, if there is one. */
  file: number | undefined
}

const whole = (secrets: Secrets) => {
  const file = secretsFile(secrets)
  return { file, bytes: layout.head + layout.entry }
}

/** Batches that are no batches. */
const malformed: [string, (secrets: Secrets) => Batch][] = [
  [
    'a file that is not sealed',
    (secrets) => {
      const { file, bytes } = whole(secrets)
      return { items: [tlsItem], secretBytes: bytes, file: file.fd }
    },
  ],
  [
    'a file that ends before the last entry that it claims',
    (secrets) => {
      const { file } = whole(secrets)
      writeSync(file.fd, Buffer.from([2, 0, 0, 0]), 0, 4, layout.count)
      return { items: [tlsItem, tlsItem], secretBytes: sealed(file), file: file.fd }
    },
  ],
  [
    'an ordinary file with the same bytes',
    (secrets) => {
      const { file, bytes } = whole(secrets)
      const copy = Buffer.alloc(bytes)
      readSync(file.fd, copy, 0, bytes, 0)
      const path = join(scratchDirectory(), 'secrets')
      writeFileSync(path, copy)
      const fd = openSync(path, 'r')
      onTestFinished(() => close(fd))
      return { items: [tlsItem], secretBytes: bytes, file: fd }
    },
  ],
  [
    'a file of another form',
    (secrets) => {
      const { file } = whole(secrets)
      writeSync(file.fd, Buffer.from('something else'), 0, 14, 0)
      return { items: [tlsItem], secretBytes: sealed(file), file: file.fd }
    },
  ],
  [
    'a file that has no entry for the second connection',
    (secrets) => {
      const { file } = whole(secrets)
      return { items: [tlsItem, tlsItem], secretBytes: sealed(file), file: file.fd }
    },
  ],
  [
    'a message that claims another size',
    (secrets) => {
      const { file } = whole(secrets)
      return { items: [tlsItem], secretBytes: sealed(file) + 1, file: file.fd }
    },
  ],
  [
    'a device in the place of the file',
    () => {
      const fd = openSync('/dev/zero', 'r')
      onTestFinished(() => close(fd))
      return { items: [tlsItem], secretBytes: layout.head + layout.entry, file: fd }
    },
  ],
  ['no file', () => ({ items: [tlsItem], secretBytes: undefined, file: undefined })],
  [
    'a file, and an item without TLS',
    (secrets) => {
      const { file } = whole(secrets)
      return { items: [{ idleMs: 0 }], secretBytes: sealed(file), file: file.fd }
    },
  ],
  [
    'neither: an item in clear text',
    () => ({ items: [{ idleMs: 0 }], secretBytes: undefined, file: undefined }),
  ],
  [
    'entries that are all zeros',
    () => {
      const file = fileOf([Buffer.alloc(layout.entry)])
      return { items: [tlsItem], secretBytes: sealed(file), file: file.fd }
    },
  ],
]

test.each(malformed)('%s: the connection is closed, and nothing is said on it', async (_, make) => {
  const { hand, peer, requests } = await secureSuccessor()
  const first = await handshaken()
  const { items, secretBytes, file } = make(first.secrets)
  const others = await Promise.all(items.slice(1).map(() => handshaken()))
  const fds = [first, ...others].map(({ fd }) => fd)
  hand(items, secretBytes, file === undefined ? fds : [...fds, file])
  await until('the batch is read', () => peer.over || peer.heard('adopted') !== undefined)
  for (const { client, release } of [first, ...others]) {
    client.write(request)
    release()
    await hasEnded(client)
    // A FIN, or a RST: what the client has sent was not read.
    expect(client.alerts.filter((alert) => alert !== 'truncated')).toEqual([])
    expect(`${client.errored ?? 'ECONNRESET'}`).toMatch(/ECONNRESET/)
  }
  for (const { heard } of [first, ...others]) expect(heard()).toBe('')
  expect(requests).toEqual([])
})
