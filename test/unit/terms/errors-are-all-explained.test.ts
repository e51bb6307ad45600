import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  errorCodes,
  errorFromPeer,
  HandoffError,
  type HandoffErrorCode,
} from '../../../packages/handoff/src/terms/errors.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')

/** Code → its section of the page. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
)

test('docs/errors.md has each code of the table, in its order, and no other', () => {
  expect([...sections.keys()]).toEqual(errorCodes)
})

describe.each(errorCodes)('%s', (code) => {
  const section = sections.get(code) ?? ''
  const quoted = /^> (.*)$/m.exec(section)?.[1] ?? ''

  test('has a typical message with its own help', () => {
    const help = new HandoffError(code, '').message.slice('. '.length)
    expect(quoted.endsWith(`. ${help}`), quoted).toBe(true)
    expect(help).toMatch(/\.$/)
    expect(quoted.slice(0, -help.length)).toMatch(/^cannot \w+.*: .+\. $/)
  })

  test('tells who serves and what to do', () => {
    expect(section).toMatch(/\*\*Serves:\*\* \S.*\*\*Do:\*\* \S/)
  })
})

test('a message is what happened and then its help; the peer is told the first alone', () => {
  const cause = new Error('EMFILE')
  const details = { stage: 'receive', serving: 'old', cause } as const
  const error = new HandoffError('ERR_HANDOFF_TRUNCATED', 'cannot receive: cut', details)
  expect(error).toMatchObject({ reason: 'cannot receive: cut', ...details })
  expect(error.message).toMatch(/^cannot receive: cut\. Raise /)
})

test('every message in the sources reads "cannot <verb> <object>: <reason>"', () => {
  const files = ['handoff', 'fastify-plugin'].flatMap((name) =>
    readdirSync(join(root, 'packages', name, 'src'), { recursive: true, withFileTypes: true }),
  )
  const messages = files
    .filter((file) => file.isFile())
    .flatMap((file) => {
      const text = readFileSync(join(file.parentPath, file.name), 'utf8')
      // The second argument of an error, or what is handed to a function that makes one.
      return [...text.matchAll(/new HandoffError\(\s*[^,`'"]*['"]?\w*['"]?,\s*(['`])(.*?)\1/g)]
    })
    .map((match) => match[2] ?? '')
  expect(messages.length).toBeGreaterThan(20)
  for (const message of messages) expect(message).toMatch(/^cannot \S.*: ./)
})

test('a code that a later release may send is a fault of the peer', () => {
  const told = { code: 'ERR_HANDOFF_OF_TOMORROW', reason: 'cannot hand over: new reasons' }
  expect(errorFromPeer(told, {})).toMatchObject({
    code: 'ERR_HANDOFF_PEER_GONE' satisfies HandoffErrorCode,
    reason: told.reason,
  })
})
