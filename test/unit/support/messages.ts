// Every message of the protocol, as fast-check makes them.

import fc from 'fast-check'
import type { ManifestEntry } from '../../../packages/handoff/src/protocol/manifest.ts'
import type {
  Message,
  Messages,
  MessageType,
} from '../../../packages/handoff/src/protocol/messages.ts'
import { printable } from '../../../packages/handoff/src/protocol/printable.ts'

const count = fc.nat()
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const when = fc.constantFrom('start', 'commit')
// JSON has no -0: it becomes 0.
const json = fc.jsonValue({ noUnicodeString: false }).map((v) => JSON.parse(JSON.stringify(v)))
// A reason is made printable as it is read.
const words = text.map(printable)
const reason = fc.record({ code: words, reason: words })

const entry: fc.Arbitrary<ManifestEntry> = fc.record(
  {
    key: text,
    protocol: fc.constantFrom('tcp', 'udp', 'unix'),
    address: text,
    port: fc.nat(65_535),
    ipv6Only: fc.boolean(),
    inode: text,
  },
  { requiredKeys: ['key', 'protocol', 'address', 'port', 'ipv6Only'] },
)

/** What each type of message may hold. */
export const arbitraryMessages: { [T in MessageType]: fc.Arbitrary<Messages[T]> } = {
  hello: fc.record({ versions: fc.array(count), pid: count, accepts: fc.array(text) }),
  refuse: reason,
  manifest: fc.record({
    version: count,
    generation: count,
    pid: count,
    listeners: fc.array(entry),
    accepts: fc.array(text),
  }),
  listeners: fc.record({ first: count }),
  ack: fc.record({ received: count }),
  ready: fc.record({ claimed: fc.array(text), takes: fc.dictionary(text, fc.array(text)) }),
  committed: fc.record({ ramp: fc.boolean() }, { requiredKeys: [] }),
  drained: fc.record({ drained: count, handedOver: count, forced: count }),
  release: fc.constant({}),
  abort: reason,
  connections: fc.record({ key: text, kind: text, items: fc.array(json) }),
  adopted: fc.record({ received: count }),
  ended: fc.record({ numbers: fc.array(count) }),
  state: fc.oneof(
    fc.record({ key: text, when, encoding: fc.constant('json' as const), value: json }),
    fc.record({ key: text, when, encoding: fc.constant('bytes' as const), value: text }),
    fc.record({ key: text, when, encoding: fc.constantFrom('json', 'bytes'), length: count }),
  ),
  older: fc.record({ processes: fc.array(fc.record({ pid: count, generation: count })) }),
  alive: fc.constant({}),
  pace: fc.record({ meanUs: count, mostUs: count }),
  ramped: fc.constant({}),
  rested: fc.record({
    rests: fc.array(fc.record({ number: count, read: count, written: count, item: json })),
  }),
  mark: fc.constant({}),
  declined: fc.constant({}),
}

/** Any message at all. */
export const arbitraryMessage: fc.Arbitrary<Message> = fc.oneof(
  ...Object.entries(arbitraryMessages).map(([type, fields]) =>
    (fields as fc.Arbitrary<object>).map((of) => ({ type, ...of }) as Message),
  ),
)
