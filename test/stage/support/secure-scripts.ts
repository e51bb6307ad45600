// What a client of the property test does on TLS: which suite, and how its bytes become records.

import fc from 'fast-check'
import { versionOf } from '../../support/tls/key-log.ts'
import { RecordClient, type RecordPlan } from '../../support/tls/record-client.ts'
import { type Suite, suites } from '../../support/tls/reference.ts'
import type { Line, Lines } from './scripted-client.ts'

export interface SecureLines extends Lines {
  suite: Suite
  plan: RecordPlan
}

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
  const stream = new RecordClient({ port, version: versionOf(suite), cipher: suite.name }, plan)
  const ending = () => stream.alerts.join(',').toUpperCase()
  return { stream, reset: () => stream.reset(), ending }
}
