// Nothing that a peer says is believed before its form is right.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MessageType, readMessage } from '../../../packages/handoff/src/protocol/messages.ts'
import { arbitraryMessages } from '../support/messages.ts'

const samples: Record<MessageType, Record<string, unknown>> = {
  hello: { versions: [1, 2], pid: 7, accepts: ['state'] },
  refuse: { code: 'ERR_HANDOFF_BUSY', reason: 'another one is faster' },
  manifest: {
    version: 1,
    generation: 3,
    pid: 7,
    listeners: [
      { key: 'tcp:*:80', protocol: 'tcp', address: '::', port: 80, ipv6Only: false },
      { key: 'unix:/s', protocol: 'unix', address: '/s', port: 0, ipv6Only: false, inode: '1:2' },
    ],
    accepts: ['rested'],
  },
  listeners: { first: 0 },
  ack: { received: 1 },
  ready: { claimed: ['tcp:*:80'], takes: { 'tcp:*:80': ['http'] } },
  committed: {},
  drained: { drained: 1, handedOver: 2, forced: 3 },
  release: {},
  abort: { code: 'ERR_HANDOFF_TIMEOUT', reason: 'too slow' },
  connections: { key: 'tcp:*:80', kind: 'http', items: [{ idleMs: 5_000 }] },
  adopted: { received: 250 },
  ended: { numbers: [3, 4] },
  state: { key: 'counter', when: 'commit', encoding: 'json', length: 70_000 },
  older: { processes: [{ pid: 7, generation: 3 }] },
  alive: {},
  declined: {},
  pace: { meanUs: 800, mostUs: 4_200 },
  ramped: {},
  rested: { rests: [{ number: 3, read: 90, written: 2 ** 40, item: { idleMs: 5_000 } }] },
  mark: {},
}
/** What an older peer does not say yet. */
const optional = ['hello.accepts', 'manifest.accepts', 'ready.takes', 'drained.handedOver']

const types = Object.keys(samples) as MessageType[]
const fields = types.flatMap((type) =>
  Object.entries(samples[type]).map(([field, value]) => ({ type, field, value })),
)

function refused(type: MessageType, payload: unknown): void {
  expect(() => readMessage(type, payload)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_PROTOCOL' }),
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Values of every kind but the sample's own, and what looks like its kind. */
function wrongFor(value: unknown): unknown[] {
  if (isRecord(value)) {
    const [name = ''] = Object.keys(value)
    return [null, 1, 'text', ...wrongFor(value[name]).map((wrong) => ({ ...value, [name]: wrong }))]
  }
  const others = [null, true, {}]
  if (typeof value === 'number') return [...others, '1', -1, 1.5, Number.NaN, 2 ** 53, [1]]
  if (typeof value === 'string') return [...others, 1, ['text']]
  const item = (value as unknown[])[0]
  return [...others, 'text', 1, ...wrongFor(item ?? '').map((wrong) => [item, wrong])]
}

test.each(types)(
  '%s is read as it was written, without what this release does not know',
  (type) => {
    expect(readMessage(type, { ...samples[type], later: 1 })).toEqual({ type, ...samples[type] })
  },
)

test('what is written can be read', () => {
  for (const type of types) {
    const check = (payload: object) => {
      expect(readMessage(type, payload)).toEqual({ type, ...payload })
    }
    fc.assert(fc.property(arbitraryMessages[type] as fc.Arbitrary<object>, check), { numRuns: 30 })
  }
})

test.each(fields)('$type needs $field', ({ type, field, value }) => {
  const { [field]: _, ...rest } = samples[type]
  if (optional.includes(`${type}.${field}`)) {
    const empty = isRecord(value) ? {} : Array.isArray(value) ? undefined : 0
    expect(readMessage(type, rest)).toEqual({ type, ...rest, [field]: empty })
  } else refused(type, rest)
})

/** Each kind of connection has items of its own, which are read with the connection. */
const checked = fields.filter(({ field }) => field !== 'items')

test.each(checked)('$type takes no $field of another kind', ({ type, field, value }) => {
  for (const wrong of wrongFor(value)) refused(type, { ...samples[type], [field]: wrong })
})

test.each(types)('%s is an object', (type) => {
  for (const payload of [null, undefined, 1, 'text', true, [], [samples[type]]]) {
    refused(type, payload)
  }
})

describe('an entry of the manifest', () => {
  const [tcp, unix] = samples.manifest.listeners as Record<string, unknown>[]
  const withEntry = (entry: unknown) => ({ ...samples.manifest, listeners: [tcp, entry] })

  test.each(Object.keys(tcp ?? {}))('needs %s', (field) => {
    const { [field]: value, ...rest } = tcp ?? {}
    refused('manifest', withEntry(rest))
    const wrong = typeof value === 'boolean' ? [0, 'false', null] : wrongFor(value)
    for (const other of wrong) refused('manifest', withEntry({ ...tcp, [field]: other }))
  })

  test('has a protocol that exists, and a port that does', () => {
    refused('manifest', withEntry({ ...tcp, protocol: 'sctp' }))
    refused('manifest', withEntry({ ...tcp, port: 65_536 }))
  })

  test('may have an inode, as text', () => {
    expect(readMessage('manifest', withEntry(unix))).toMatchObject({ listeners: [tcp, unix] })
    refused('manifest', withEntry({ ...unix, inode: 12 }))
  })
})

test.each(['number', 'read', 'written'])('a rest needs %s', (field) => {
  const [rest] = samples.rested.rests as Record<string, unknown>[]
  const { [field]: value, ...others } = rest ?? {}
  refused('rested', { rests: [rest, others] })
  for (const wrong of wrongFor(value)) refused('rested', { rests: [{ ...rest, [field]: wrong }] })
})

describe('a state', () => {
  const head = { key: 'counter', when: 'commit', encoding: 'json' }

  test.each([null, 0, false, '', [], { nested: [1] }])('can be %o', (value) => {
    expect(readMessage('state', { ...head, value })).toEqual({ type: 'state', ...head, value })
  })

  test('has a value or a length', () => {
    refused('state', head)
    refused('state', { ...head, encoding: 'bytes' })
    for (const length of wrongFor(0)) refused('state', { ...head, length })
  })

  test('is bytes as text only', () => {
    for (const value of [1, null, [1, 2]]) refused('state', { ...head, encoding: 'bytes', value })
  })

  test('goes at one of two moments, in one of two encodings', () => {
    refused('state', { ...head, when: 'drain', value: 1 })
    refused('state', { ...head, encoding: 'utf8', value: 1 })
  })
})

test.each(['refuse', 'abort'] as const)('%s cannot flood a log', (type) => {
  const message = readMessage(type, { code: 'x'.repeat(10_000), reason: 'x'.repeat(100_000) })
  expect(JSON.stringify(message).length).toBeLessThan(5_000)
})

test('an error that is not about a field is not blamed on the peer', () => {
  const error = new RangeError('ours')
  const payload = {
    get versions(): never {
      throw error
    },
  }
  expect(() => readMessage('hello', payload)).toThrow(error)
})
