import { expect, test } from 'vitest'
import { describeException } from '../../../packages/handoff/src/terms/describe-exception.ts'

function error(name: string, message: string, stack: string): Error {
  return Object.assign(new Error(message), { name, stack })
}

test('an exception is told with the place where it was thrown', () => {
  const stack = `TypeError: x is not a function
    at node:internal/modules/esm:12:3
    at helper (/srv/web/node_modules/lib/index.js:1:1)
    at start (file:///srv/web/server.js:3:15)`
  expect(describeException(error('TypeError', 'x is not a function', stack))).toBe(
    'TypeError: x is not a function (/srv/web/server.js:3)',
  )
})

test('code that does not parse is told with the line that Node writes above it', () => {
  const stack = `/srv/web/server.cjs:7
const a = ;
          ^

SyntaxError: Unexpected token ';'
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)`
  expect(describeException(error('SyntaxError', "Unexpected token ';'", stack))).toBe(
    "SyntaxError: Unexpected token ';' (/srv/web/server.cjs:7)",
  )
})

test('a message that names the place is not told it twice', () => {
  const message = 'Transform failed with 1 error:\n/srv/web/a.ts:1:18: ERROR: Unexpected ";"'
  const stack = `Error: ${message}\n    at fail (/srv/web/node_modules/esbuild/main.js:1:1)`
  expect(describeException(error('Error', message, stack))).toBe(
    'Error: Transform failed with 1 error: /srv/web/a.ts:1:18: ERROR: Unexpected ";"',
  )
})

test('anything can be thrown', () => {
  expect(describeException('no\nluck')).toBe('uncaught no luck')
  expect(describeException(undefined)).toBe('uncaught undefined')
})

test('a long text is cut, since it travels in one datagram', () => {
  const text = describeException(error('Error', 'x'.repeat(5_000), ''))
  expect(text).toHaveLength(1_000)
  expect(text.endsWith('…')).toBe(true)
})
