// Which entry of the old process's manifest answers what the new process asks for.

import { describe, expect, test } from 'vitest'
import {
  findEntry,
  keyOf,
  type ListenerRequest,
  type ManifestEntry,
  overlaps,
  placeOf,
  rendezvousKey,
  requestOf,
} from '../../../packages/handoff/src/protocol/manifest.ts'

function request(fields: Partial<ListenerRequest> = {}): ListenerRequest {
  return { protocol: 'tcp', port: 3000, ipv6Only: false, name: '', ...fields }
}

/** What a process offers that asked for this, where the kernel put it at `place`. */
function entry(asked: ListenerRequest, place: Partial<ManifestEntry> = {}): ManifestEntry {
  const { protocol, port, ipv6Only } = asked
  const address = asked.address ?? '::'
  return { key: keyOf(asked), protocol, address, port, ipv6Only, ...place }
}

const loopback = request({ address: '127.0.0.1' })
const unix = request({ protocol: 'unix', address: '/run/app.sock', port: 0 })
const rendezvous: ManifestEntry = {
  key: rendezvousKey,
  protocol: 'unix',
  address: '/run/rendezvous.sock',
  port: 0,
  ipv6Only: false,
}

test.each<[string, ListenerRequest]>([
  ['tcp:127.0.0.1:3000', loopback],
  ['tcp:*:3000', request()],
  ['tcp:[::1]:3000', request({ address: '::1' })],
  ['tcp:[::]:3000?ipv6Only', request({ address: '::', ipv6Only: true })],
  ['udp:127.0.0.1:3000', { ...loopback, protocol: 'udp' }],
  ['tcp:127.0.0.1:0#admin', { ...loopback, port: 0, name: 'admin' }],
  ['unix:/run/app.sock', unix],
])('%s', (key, asked) => {
  expect(keyOf(asked)).toBe(key)
})

test.each<[string, ListenerRequest]>([
  ['tcp:127.0.0.1:3000', loopback],
  ['tcp:127.0.0.1:41234', { ...loopback, port: 0, name: 'a:0#b' }],
  ['udp:*:41234', request({ protocol: 'udp', port: 0, name: '1' })],
  ['tcp:[::]:41234?ipv6Only', request({ address: '::', port: 0, ipv6Only: true, name: '1' })],
  ['tcp:[::1]:41234', request({ address: '::1', port: 0, name: '1' })],
  ['unix:/run/app:0#1', { ...unix, address: '/run/app:0#1' }],
])('people see %s', (place, asked) => {
  const port = asked.port === 0 && asked.protocol !== 'unix' ? 41_234 : asked.port
  expect(placeOf(entry(asked, { port }))).toBe(place)
})

describe('the same request finds its listener', () => {
  const all = [
    request(),
    loopback,
    request({ address: '::1' }),
    request({ address: '::', ipv6Only: true }),
    { ...loopback, protocol: 'udp' as const },
    { ...loopback, port: 3001 },
    { ...loopback, port: 0, name: '1' },
    { ...loopback, port: 0, name: '2' },
    { ...loopback, port: 0, name: '1', protocol: 'udp' as const },
    unix,
  ]
  // Every entry has its own place, as in a kernel.
  const entries = [
    rendezvous,
    ...all.map((asked, index) => entry(asked, asked.port === 0 ? { port: 40_000 + index } : {})),
  ]

  test.each(all.map((asked) => [keyOf(asked), asked] as const))('%s', (key, asked) => {
    expect(findEntry(entries, asked)?.key).toBe(key)
    expect(findEntry([...entries].reverse(), asked)?.key).toBe(key)
  })
})

describe('a new configuration that names the very same place finds it', () => {
  test.each<[string, ManifestEntry, ListenerRequest]>([
    ['port 0, now named', entry({ ...loopback, port: 0, name: '1' }, { port: 3000 }), loopback],
    ['every address, now ::', entry(request()), request({ address: '::' })],
    ['::, now every address', entry(request({ address: '::' })), request()],
    [
      'every address of a machine without IPv6, now 0.0.0.0',
      entry(request(), { address: '0.0.0.0' }),
      request({ address: '0.0.0.0' }),
    ],
    ['a path', entry(unix, { key: 'unix:app.sock' }), unix],
  ])('%s', (_, offered, asked) => {
    expect(findEntry([rendezvous, offered], asked)).toBe(offered)
  })
})

describe('another place is another listener', () => {
  test.each<[string, ListenerRequest, ListenerRequest]>([
    ['UDP for TCP', { ...loopback, protocol: 'udp' }, loopback],
    ['TCP for UDP', loopback, { ...loopback, protocol: 'udp' }],
    ['another port', loopback, { ...loopback, port: 3001 }],
    ['a literal address for every address', loopback, request()],
    ['every address for a literal one', request(), loopback],
    ['IPv6 alone for every address', request({ address: '::', ipv6Only: true }), request()],
    [
      'both families for IPv6 alone',
      request({ address: '::' }),
      request({ address: '::', ipv6Only: true }),
    ],
    [
      'another name on port 0',
      { ...loopback, port: 0, name: 'a' },
      { ...loopback, port: 0, name: 'b' },
    ],
    ['another path', unix, { ...unix, address: '/run/other.sock' }],
    ['a path for a port', unix, request({ address: '/run/app.sock', port: 0 })],
  ])('%s', (_, offered, asked) => {
    expect(findEntry([entry(offered)], asked)).toBeUndefined()
  })

  test('a listener on port 0 is not taken by whoever asks for another port 0', () => {
    const offered = entry({ ...loopback, port: 0, name: 'a' }, { port: 0 })
    expect(findEntry([offered], { ...loopback, port: 0, name: 'b' })).toBeUndefined()
  })
})

describe('a listener keeps another one from being bound', () => {
  const six = request({ address: '::1' })
  const allFour = request({ address: '0.0.0.0' })
  const onlySix = request({ address: '::', ipv6Only: true })
  test.each<[boolean, string, ListenerRequest, ListenerRequest]>([
    [true, 'the same address', loopback, loopback],
    [true, 'IPv4, and every IPv4 address', loopback, allFour],
    [true, 'IPv4, and every address', loopback, request()],
    [true, 'IPv6, and every address', six, request()],
    [true, 'IPv6, and every IPv6 address', six, onlySix],
    [true, 'every IPv4 address, and every address', allFour, request()],
    [false, 'IPv4, and every IPv6 address', loopback, onlySix],
    [false, 'IPv6, and every IPv4 address', six, allFour],
    [false, 'two IPv4 addresses', loopback, request({ address: '127.0.0.2' })],
    [false, 'IPv4 and IPv6', loopback, six],
    [false, 'another port', loopback, { ...loopback, port: 3001 }],
    [false, 'another protocol', { ...loopback, protocol: 'udp' }, loopback],
  ])('%s: %s', (expected, _, one, other) => {
    expect(overlaps(entry(one), other)).toBe(expected)
    expect(overlaps(entry(other), one)).toBe(expected)
  })
})

test('nobody can ask for the rendezvous socket', () => {
  const byPath = request({ protocol: 'unix', address: rendezvous.address, port: 0 })
  const byKey = request({ protocol: 'unix', address: rendezvousKey, port: 0 })
  expect(findEntry([rendezvous], byPath)).toBeUndefined()
  expect(findEntry([rendezvous], byKey)).toBeUndefined()
})

test('a dropped listener is asked for again at its very place', () => {
  for (const asked of [loopback, request({ address: '::', ipv6Only: true }), unix]) {
    expect(keyOf(requestOf(entry(asked)))).toBe(keyOf(asked))
  }
})
