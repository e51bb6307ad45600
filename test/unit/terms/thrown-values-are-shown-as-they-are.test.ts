// A program may throw what is no error: the supervisor shows it as Node.js does.

import { expect, test } from 'vitest'
import { describeException } from '../../../packages/handoff/src/terms/describe-exception.ts'

test.each([
  [{ a: 1 }, 'uncaught { a: 1 }'],
  [{ a: { b: [1] } }, 'uncaught { a: { b: [ 1 ] } }'],
  ['no database', 'uncaught no database'],
  [undefined, 'uncaught undefined'],
  [Object.create(null), 'uncaught [Object: null prototype] {}'],
])('%o', (thrown, text) => {
  expect(describeException(thrown)).toBe(text)
})
