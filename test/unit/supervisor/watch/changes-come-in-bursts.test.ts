import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Bursts } from '../../../../packages/handoff/src/supervisor/watch/bursts.ts'

let folder = ''
let bursts: Bursts
let reported: string[]

beforeEach(() => {
  vi.useFakeTimers()
  folder = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  reported = []
  bursts = new Bursts((path) => reported.push(path.slice(folder.length + 1)))
})

afterEach(() => {
  bursts.close()
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
  bursts.add(join(folder, name))
}

test('a file that was saved is reported after 20 ms, and not again', () => {
  write('a.ts', 'one')
  vi.advanceTimersByTime(19)
  expect(reported).toEqual([])
  vi.advanceTimersByTime(1)
  expect(reported).toEqual(['a.ts'])
  vi.advanceTimersByTime(1_000)
  expect(reported).toEqual(['a.ts'])
})

test('an empty file is about to be written', () => {
  write('a.ts', '')
  vi.advanceTimersByTime(99)
  expect(reported).toEqual([])
  write('a.ts', 'one')
  vi.advanceTimersByTime(20)
  expect(reported).toEqual(['a.ts'])
})

test('several files are one burst, which ends when none has changed for 100 ms', () => {
  write('a.ts', 'one')
  vi.advanceTimersByTime(10)
  for (let i = 0; i < 5; i++) {
    write(`b${i}.ts`, 'one')
    vi.advanceTimersByTime(90)
  }
  expect(reported).toEqual([])
  vi.advanceTimersByTime(10)
  expect(reported).toEqual(['b4.ts'])
})

test('a change of which the watcher does not report is found', () => {
  write('a.ts', 'half')
  vi.advanceTimersByTime(20)
  writeFileSync(join(folder, 'a.ts'), 'half and half')
  vi.advanceTimersByTime(150 + 20)
  expect(reported).toEqual(['a.ts', 'a.ts'])
  vi.advanceTimersByTime(1_000)
  expect(reported).toHaveLength(2)
})

test('a change that was reported since is not reported again', () => {
  write('a.ts', 'one')
  vi.advanceTimersByTime(20)
  write('a.ts', 'second')
  vi.advanceTimersByTime(20)
  expect(reported).toHaveLength(2)
  vi.advanceTimersByTime(100)
  // About to be reported when the first report is checked.
  write('a.ts', 'the third')
  vi.advanceTimersByTime(1_000)
  expect(reported).toHaveLength(3)
})

test('so is a removal', () => {
  write('a.ts', 'one')
  vi.advanceTimersByTime(20)
  rmSync(join(folder, 'a.ts'))
  vi.advanceTimersByTime(150 + 20)
  expect(reported).toHaveLength(2)
})

test('after the end nothing is reported', () => {
  write('a.ts', 'one')
  vi.advanceTimersByTime(20)
  write('a.ts', 'two')
  bursts.close()
  vi.advanceTimersByTime(1_000)
  expect(reported).toHaveLength(1)
})
