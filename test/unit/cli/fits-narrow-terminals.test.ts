import { expect, test } from 'vitest'
import { columnsOf, wrap } from '../../../packages/handoff/src/cli/text/wrap.ts'

test('a line that fits is left as it is', () => {
  expect(wrap('pid   stage', 11)).toEqual(['pid   stage'])
})

test('a longer one is broken between words, and what follows is indented', () => {
  expect(wrap('  one two three four', 11)).toEqual(['  one two', '    three', '    four'])
  expect(wrap('4730  2  serving  tcp:127.0.0.1:3000', 20)).toEqual([
    '4730  2  serving',
    '  tcp:127.0.0.1:3000',
  ])
})

test('a word that is longer stays whole', () => {
  expect(wrap('entry /srv/shop/src/server.ts', 10)).toEqual(['entry', '  /srv/shop/src/server.ts'])
})

test('colours take no column', () => {
  const red = '\x1b[31mone\x1b[39m two'
  expect(wrap(red, 7)).toEqual([red])
})

test('the width is that of the terminal, or what COLUMNS says, or there is no limit', () => {
  expect(columnsOf({ isTTY: true, columns: 60 }, { COLUMNS: '80' })).toBe(60)
  expect(columnsOf({ isTTY: false, columns: 0 }, { COLUMNS: '80' })).toBe(80)
  expect(columnsOf({ isTTY: false, columns: 0 }, {})).toBe(Number.POSITIVE_INFINITY)
  expect(columnsOf({ isTTY: true, columns: 0 }, {})).toBe(Number.POSITIVE_INFINITY)
})
