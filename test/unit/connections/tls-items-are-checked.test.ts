// What an old process sends of a TLS connection is checked before a socket is made of it.

import { describe, expect, test } from 'vitest'
import { ReceivedTls } from '../../../packages/handoff/src/connections/tls/received-tls.ts'
import { readTlsFields } from '../../../packages/handoff/src/connections/tls/tls-item.ts'

const cipher = 'TLS_AES_128_GCM_SHA256'
const malformed = expect.objectContaining({ code: 'ERR_HANDOFF_PROTOCOL' })

test('a whole item is read', () => {
  const tls = { cipher, finished: 'AAEC', peer: ['AAEC'], progress: [0, 1, 2, 3, 4] }
  expect(readTlsFields({ tls })).toEqual(tls)
})

describe('an item is refused', () => {
  test.each<[string, unknown]>([
    ['that is none', undefined],
    ['without the field', { idleMs: 5 }],
    ['with a Finished that is no base64', { tls: { cipher, finished: 'A-_' } }],
    ['with base64 that has more than one form', { tls: { cipher, peerFinished: 'AB==' } }],
    ['with a certificate that is no base64', { tls: { cipher, peer: ['AAEC', '*'] } }],
    ['with a number that is none', { tls: { cipher, progress: [0, 1, 2, 3, -4] } }],
  ])('%s', (_, item) => {
    expect(() => readTlsFields(item)).toThrow(malformed)
  })

  test('that came without secrets', () => {
    expect(() => ReceivedTls.read({ item: { tls: { cipher } } })).toThrow(malformed)
  })
})
