// A program that writes a watched file whenever it starts is not started for ever.

import { beforeEach, expect, test } from 'vitest'
import { ReloadLoops } from '../../../../packages/handoff/src/supervisor/watch/reload-loops.ts'

let loops: ReloadLoops
let pid = 0

beforeEach(() => {
  loops = new ReloadLoops()
})

/** A process that starts at 1000 and serves at 1500; the file is written at `at`. */
function start(path: string, at: number | undefined, servedAt: number | undefined = 1500): boolean {
  pid += 1
  return loops.onChange(path, at, { pid, startedAt: 1000, servedAt })
}

test('a file that five starts in a row have written is ignored', () => {
  for (let i = 0; i < 4; i++) expect(start('db.json', 1200)).toBe(false)
  expect(loops.ignores('db.json')).toBe(false)
  expect(start('db.json', 1200)).toBe(true)
  expect(loops.ignores('db.json')).toBe(true)
  expect(loops.ignores('other.json')).toBe(false)
})

test('it may be written just after the process serves, or while it still starts', () => {
  for (let i = 0; i < 4; i++) start('db.json', 1600)
  expect(start('db.json', 1200, undefined)).toBe(true)
})

test.each([
  ['after the start', 1800],
  ['before it', 900],
  ['by being removed', undefined],
])('a change %s is that of a person, and the count begins anew', (_, at) => {
  for (let i = 0; i < 4; i++) start('db.json', 1200)
  expect(start('server.js', at)).toBe(false)
  expect(start('db.json', 1200)).toBe(false)
})

test('several files are counted for themselves, and a start once', () => {
  for (let i = 0; i < 4; i++) {
    start('a.json', 1200)
    start('b.json', 1200)
  }
  const boot = { pid: 1_000_000, startedAt: 1000, servedAt: 1500 }
  expect(loops.onChange('c.json', 1200, boot)).toBe(false)
  expect(loops.onChange('a.json', 1200, boot)).toBe(false)
  expect(start('a.json', 1200)).toBe(true)
})

test('without a process there is no start', () => {
  expect(loops.onChange('db.json', 1200, undefined)).toBe(false)
})
