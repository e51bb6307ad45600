import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatNotify, parseNotify } from '../../../packages/handoff/src/protocol/notify.ts'

test('reads what sd_notify(3) senders write', () => {
  expect({ ...parseNotify('READY=1\nMAINPID=42\nSTATUS=serves = well\n') }).toEqual({
    READY: '1',
    MAINPID: '42',
    STATUS: 'serves = well',
  })
})

test('skips what is not NAME=value', () => {
  expect({ ...parseNotify('READY\n=1\n\nSTOPPING=1') }).toEqual({ STOPPING: '1' })
})

test('a name of Object.prototype is a name as any other', () => {
  expect(parseNotify('READY=1').toString).toBeUndefined()
  expect(Object.keys(parseNotify('__proto__=x'))).toEqual(['__proto__'])
})

test('a line break in a value does not begin a new field', () => {
  const text = formatNotify({ STATUS: 'one\nREADY=1\r\ntwo', STOPPING: '1' })
  expect({ ...parseNotify(text) }).toEqual({ STATUS: 'one READY=1 two', STOPPING: '1' })
})

test('what was written is read back', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z_]{0,20}$/)
  const value = fc.string().map((text) => text.replace(/[\r\n]/g, ''))
  fc.assert(
    fc.property(fc.dictionary(name, value), (fields) => {
      expect({ ...parseNotify(formatNotify(fields)) }).toEqual({ ...fields })
    }),
  )
})
