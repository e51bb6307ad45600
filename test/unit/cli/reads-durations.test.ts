import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../../packages/handoff/src/cli/text/duration.ts'

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1.5s', 1_500],
  ['30', 30_000],
  ['0', 0],
  [' 5 s ', 5_000],
  ['infinity', 2 ** 31 - 1],
])('%j is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  '',
  's',
  '-1s',
  '1d',
  '30S',
  '1e3',
  '1,5s',
  '30s 5ms',
  'Infinity',
  '0x10',
  '25d',
  '600h',
])('%j is none', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([
  [0, '0ms'],
  [999, '999ms'],
  [59_999, '59s'],
  [200_000, '3m 20s'],
  [3_900_000, '1h 5m'],
  [90_000_000, '1d 1h'],
])('%d ms reads %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
