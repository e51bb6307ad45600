import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockSupervisor } from '../../../../packages/handoff/src/supervisor/place/supervisor-lock.ts'

let root = ''
let path = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  path = join(root, 'supervisor.lock')
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

test('the second one is told who the first one is', () => {
  const lock = lockSupervisor('web', path)
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
  expect(() => lockSupervisor('web', path)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOFF_ALREADY_RUNNING',
      message: expect.stringContaining(`(pid ${process.pid})`),
    }),
  )
  lock.release()
})

test('the end of the first one leaves no file, and lets the next one in', () => {
  for (let i = 0; i < 3; i++) {
    lockSupervisor('web', path).release()
    expect(existsSync(path)).toBe(false)
  }
})

test('a file that a killed supervisor left is no hindrance', () => {
  writeFileSync(path, '1\n')
  lockSupervisor('web', path).release()
  expect(existsSync(path)).toBe(false)
})

test('a symbolic link in its place is not followed', () => {
  const other = join(root, 'other')
  writeFileSync(other, 'kept')
  symlinkSync(other, path)
  expect(() => lockSupervisor('web', path)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_DIRECTORY_UNUSABLE' }),
  )
  expect(readFileSync(other, 'utf8')).toBe('kept')
})
