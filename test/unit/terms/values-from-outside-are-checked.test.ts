// One validator for messages, reports, requests and arguments.

import { expect, test } from 'vitest'
import {
  amount,
  type Check,
  count,
  flag,
  list,
  Mismatch,
  nullable,
  object,
  oneOf,
  optional,
  parsed,
  present,
  record,
  text,
  upTo,
  withDefault,
} from '../../../packages/handoff/src/terms/checks.ts'

const cases: [name: string, check: Check<unknown>, good: unknown[], bad: unknown[]][] = [
  ['text', text, ['', 'x'], [undefined, null, 1, {}, ['x']]],
  ['flag', flag, [true, false], [undefined, 0, 'true']],
  ['count', count, [0, 7, 2 ** 53 - 1], [-1, 1.5, 2 ** 53, Number.NaN, '1', null, undefined]],
  ['amount', amount, [0, 1.5], [-1, Number.NaN, '1', null]],
  ['upTo', upTo(3), [0, 3], [4, -1, 1.5]],
  ['oneOf', oneOf('a', 'b'), ['a', 'b'], ['c', '', undefined, ['a']]],
  ['list', list(count), [[], [1, 2]], [undefined, {}, 'x', [1, '2'], [null]]],
  ['record', record(count), [{}, { a: 1 }], [undefined, null, [1], 'x', { a: '1' }]],
  ['nullable', nullable(count), [null, 1], [undefined, '1']],
  ['object', object({ a: count }), [{ a: 1 }], [undefined, null, [], 'x', {}, { a: null }]],
  ['present', present, [null, 1, 'x', {}], []],
]

test.each(cases)('%s takes what it is for', (_, check, good, bad) => {
  for (const value of good) expect(check(value, 'field')).toEqual(value)
  for (const value of bad) expect(() => check(value, 'field'), String(value)).toThrow(Mismatch)
})

test('an object has no fields but its own', () => {
  const check = object({ a: count, b: optional(text), c: withDefault(count, 0) })
  expect(check({ a: 1, later: 2 }, 'it')).toEqual({ a: 1, c: 0 })
  expect('b' in check({ a: 1 }, 'it')).toBe(false)
  expect(check({ a: 1, b: 'x', c: 3 }, 'it')).toEqual({ a: 1, b: 'x', c: 3 })
  expect(() => check({ a: 1, b: null }, 'it')).toThrow(Mismatch)
  expect(() => check({ a: 1, c: null }, 'it')).toThrow(Mismatch)
  expect(() => object({ toString: text })({}, 'it')).toThrow(Mismatch)
})

test('a name is a field, whatever it is called', () => {
  const odd: unknown = JSON.parse('{"__proto__": 1, "constructor": 2}')
  const read = record(count)(odd, 'it')
  expect(Object.entries(read)).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ])
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
  const short = parsed('a short name', (name) => (name.length < 3 ? name : undefined))
  expect(() => record(count, short)({ long: 1 }, 'it')).toThrow(Mismatch)
})

test('a mismatch names the field, and what it must be', () => {
  const check = object({ processes: list(object({ pid: count })) })
  expect(() => check({ processes: [{ pid: 'x' }] }, 'older')).toThrow('pid is not a whole number')
  expect(() => check({ processes: 1 }, 'older')).toThrow('processes is not a list')
  expect(() => check(1, 'older')).toThrow('older is not an object')
  const even = parsed('an even number', (given) => (Number(given) % 2 === 0 ? given : undefined))
  expect(() => even('3', 'n')).toThrow(expect.objectContaining({ expected: 'an even number' }))
  expect(() => even(4, 'n')).toThrow('n is not an even number')
})
