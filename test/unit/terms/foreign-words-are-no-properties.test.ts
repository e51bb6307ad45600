import { expect, test } from 'vitest'
import { errorFromPeer } from '../../../packages/handoff/src/terms/errors.ts'
import { addKinds, type KindCounts } from '../../../packages/handoff/src/terms/fates.ts'

const inherited = ['constructor', 'toString', '__proto__', 'hasOwnProperty']

test.each(inherited)('the code %s of a peer is no code of ours', (code) => {
  const error = errorFromPeer({ code, reason: 'cannot hand over: no' }, {})
  expect(error.code).toBe('ERR_HANDOFF_PEER_GONE')
  expect(error.message).toBe(
    `cannot hand over: no. See the output of that process for why it ended.`,
  )
})

test('a kind of a later release is counted, whatever its name', () => {
  const kinds = { constructor: 2, valueof: 1 } as unknown as KindCounts
  expect(addKinds({}, kinds)).toEqual({ constructor: 2, valueof: 1 })
  expect(addKinds(kinds, kinds)).toEqual({ constructor: 4, valueof: 2 })
})
