// What a client of the property test does on TLS: which suite, and how its bytes become records.

import fc from 'fast-check'
import { RecordClient, type RecordPlan } from '../../support/tls/record-client.ts'
import type { Line, Lines } from './scripted-client.ts'

export interface SecureLines extends Lines {
  suite: Suite
  plan: RecordPlan
}

export interface Suite {
  version: 'TLSv1.2' | 'TLSv1.3'
  cipher: string
}

/** All of TLS 1.3, and of TLS 1.2 those that can move. */
const suites: readonly Suite[] = [
  { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
  { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  { version: 'TLSv1.3', cipher: 'TLS_CHACHA20_POLY1305_SHA256' },
  { version: 'TLSv1.2', cipher: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
  { version: 'TLSv1.2', cipher: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
  { version: 'TLSv1.2', cipher: 'ECDHE-ECDSA-CHACHA20-POLY1305' },
]

function someOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(value, { minLength: 1, maxLength: 3 })
}

const plan: fc.Arbitrary<RecordPlan> = fc.record({
  sizes: someOf(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(300, 2 ** 14))),
  paddings: someOf(fc.constantFrom(0, 0, 1, 200)),
  updates: someOf(fc.constantFrom<RecordPlan['updates'][number][]>('no', 'no', 'own', 'both')),
  halves: someOf(fc.record({ bytes: fc.constantFrom(0, 1, 5, 20), turns: fc.nat(12) })),
  truncates: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
})

/** The same client, over TLS. */
export function secure(client: fc.Arbitrary<Lines>): fc.Arbitrary<SecureLines> {
  return fc
    .record({ lines: client, suite: fc.constantFrom(...suites), plan })
    .map(({ lines, suite, plan }) => ({ ...lines, suite, plan }))
}

/** Opens the connection. How it ends is compared, too: by close_notify, by another alert, by neither. */
export function connectSecurely(port: number, { suite, plan }: SecureLines): Line {
  const stream = new RecordClient({ port, ...suite }, plan)
  return { stream, ending: () => stream.alerts.join(',').toUpperCase() }
}
