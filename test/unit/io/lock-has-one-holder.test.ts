import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tryLock } from '../../../packages/handoff/src/io/files/lock.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { scratchDirectory } from '../../support/scratch.ts'

test('a second taker gets undefined until the first one releases', () => {
  const path = join(scratchDirectory(), 'supervisor.lock')
  const first = tryLock(path)
  expect(first).toBeDefined()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(tryLock(path)).toBeUndefined()
  first?.release()
  const second = tryLock(path)
  expect(second).toBeDefined()
  first?.release() // releases nothing of the second one
  expect(tryLock(path)).toBeUndefined()
  second?.release()
  expect(existsSync(path)).toBe(true)
})

test.runIf(hasProc)('the lock holds against other processes, and is not inherited', () => {
  const path = join(scratchDirectory(), 'x.lock')
  const flock = () => spawnSync('flock', ['--nonblock', path, 'true'])
  const lock = tryLock(path)
  expect(flock().status).toBe(1)
  lock?.release()
  expect(flock().status).toBe(0)
})

test('a symlink in its place is refused, and what it points to stays', () => {
  const directory = scratchDirectory()
  const target = join(directory, 'target')
  writeFileSync(target, 'precious')
  symlinkSync(target, join(directory, 'x.lock'))
  expect(() => tryLock(join(directory, 'x.lock'))).toThrow(
    expect.objectContaining({ code: 'ELOOP' }),
  )
  expect(readFileSync(target, 'utf8')).toBe('precious')
})

test.runIf(hasProc)('nothing stays open', () => {
  const path = join(scratchDirectory(), 'x.lock')
  const before = descriptors(process.pid).length
  for (let i = 0; i < 20; i++) {
    const lock = tryLock(path)
    tryLock(path)
    lock?.release()
  }
  expect(descriptors(process.pid).length).toBe(before)
})
