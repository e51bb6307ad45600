// Whatever is thrown in a handoff becomes an error with its stage and the process that serves.

import { expect, test } from 'vitest'
import { Failures } from '../../../packages/handoff/src/talk/failures.ts'
import type { HandoffErrorCode } from '../../../packages/handoff/src/terms/errors.ts'

function failures(unknown: HandoffErrorCode) {
  return new Failures(() => ({ action: 'take over', stage: 'adopt', serving: 'old' }), unknown)
}

const thrown = 'a text that was thrown'

test.each<[string, HandoffErrorCode, unknown]>([
  ['a text of the application', 'ERR_HANDOFF_APP_FAILED', thrown],
  ['a text of the channel', 'ERR_HANDOFF_PROTOCOL', thrown],
  ['an error of the channel', 'ERR_HANDOFF_PROTOCOL', new Error(thrown)],
])('%s', (_, code, value) => {
  const error = failures(code).place(value)
  expect(error).toMatchObject({ code, stage: 'adopt', serving: 'old', cause: value })
  expect(error.message).toMatch(`cannot take over: ${thrown}`)
})

test('an error of the application says where it was thrown', () => {
  const error = failures('ERR_HANDOFF_APP_FAILED').place(new Error(thrown))
  expect(error.reason).toContain(thrown)
  expect(error.reason).toMatch(/thrown-values-are-errors-of-a-stage/)
})
