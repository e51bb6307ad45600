// Secrets that are wrong, cut or no secrets at all: no byte of them reaches the application, and nothing is
// ever said in clear text.

import { openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import type { RecordClient } from '../../support/tls/record-client.ts'
import { until } from '../../support/until.ts'
import { entryOf, fileOf, handshaken, layout, type Secrets } from '../support/rogue-tls.ts'
import { secureSuccessor } from '../support/secure-successor.ts'

const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const tlsItem = { idleMs: 0, tls: { cipher: 'TLS_AES_128_GCM_SHA256' } }

async function hasEnded(client: RecordClient): Promise<void> {
  await until('the client is closed', () => client.readableEnded || client.destroyed)
}

test('right secrets: the connection goes on', async () => {
  const { hand, requests } = await secureSuccessor()
  const { client, heard, fd, secrets } = await handshaken()
  const file = fileOf([entryOf(secrets)])
  hand([tlsItem], sealed(file), [fd, file.fd])
  client.write(request)
  await until('the reply', () => heard().endsWith('hello'))
  expect(requests).toEqual(['/'])
})

function skip(direction: Secrets['read'], records: bigint): void {
  direction.sequence += records
}

/** What is wrong with them, and what the client sees of it. */
const wrong: [string, (secrets: Secrets) => void, string[]][] = [
  ['the sequence number to read is behind', ({ read }) => skip(read, 1n), ['bad_record_mac']],
  [
    'the sequence number to read is far off',
    ({ read }) => skip(read, 1n << 40n),
    ['bad_record_mac'],
  ],
  ['the secret to read is another', ({ read }) => void read.secret.fill(7), ['bad_record_mac']],
  ['the secret to read is cut', ({ read }) => void read.secret.fill(0, 16), ['bad_record_mac']],
  [
    'the suite is another',
    (secrets) => {
      secrets.suite = 0x1303
    },
    [],
  ],
  [
    'both directions are exchanged',
    (secrets) => {
      const { read, write } = secrets
      Object.assign(secrets, { read: write, write: read })
    },
    [],
  ],
]

test.each(wrong)('%s: the application hears nothing', async (_, spoil, alerts) => {
  const { hand, requests } = await secureSuccessor()
  const { client, heard, fd, secrets } = await handshaken()
  spoil(secrets)
  const file = fileOf([entryOf(secrets)])
  hand([tlsItem], sealed(file), [fd, file.fd])
  client.write(request)
  await hasEnded(client)
  expect(requests).toEqual([])
  expect(heard()).toBe('')
  // An alert under keys that the client has; else it only sees a record that is not for it.
  if (alerts.length > 0) expect(client.alerts).toEqual(alerts)
  expect(`${client.errored ?? ''}`).not.toMatch(/no TLS record|clear text/)
})

test('the sequence number to write is wrong: the client refuses the reply, and sees no clear text', async () => {
  const { hand } = await secureSuccessor()
  const { client, heard, fd, secrets } = await handshaken()
  skip(secrets.write, 1n)
  const file = fileOf([entryOf(secrets)])
  hand([tlsItem], sealed(file), [fd, file.fd])
  client.write(request)
  await hasEnded(client)
  expect(heard()).toBe('')
  expect(`${client.errored}`).toMatch(/unable to authenticate/)
})

test('a client that goes on in clear text gets an alert', async () => {
  const { hand, requests } = await secureSuccessor()
  const { client, heard, fd, secrets } = await handshaken()
  const file = fileOf([entryOf(secrets)])
  hand([tlsItem], sealed(file), [fd, file.fd])
  client.blurt(Buffer.from(request))
  await hasEnded(client)
  expect(requests).toEqual([])
  expect(heard()).toBe('')
  expect(client.alerts).toEqual([expect.not.stringMatching(/close_notify|truncated/)])
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
  const file = fileOf([entryOf(secrets)])
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
