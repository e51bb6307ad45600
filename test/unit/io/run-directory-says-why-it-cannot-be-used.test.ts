import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openRunDirectory } from '../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import { lockSupervisor } from '../../../packages/handoff/src/supervisor/place/supervisor-lock.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const unusable = (path: string, reason: string) =>
  expect.objectContaining({
    code: 'ERR_HANDOFF_DIRECTORY_UNUSABLE',
    message: expect.stringMatching(`^cannot write ${path}: ${reason}.*set HANDOFF_DIR`),
  })

test('a directory that cannot be made is not called unsafe', () => {
  writeFileSync(join(root, 'file'), '')
  expect(() => openRunDirectory('web', { HANDOFF_DIR: join(root, 'file', 'runs') })).toThrow(
    unusable(join(root, 'file', 'runs'), 'ENOTDIR'),
  )
})

test('a lock that cannot be written says which file and why, and is not held', () => {
  const path = join(root, 'gone', 'supervisor.lock')
  expect(() => lockSupervisor('web', path)).toThrow(unusable(path, 'ENOENT'))
  mkdirSync(join(root, 'gone'))
  lockSupervisor('web', path).release()
  expect(existsSync(path)).toBe(false)
})

const asRoot = process.getuid?.() === 0

test.runIf(asRoot)('a directory of another user is named with its owner', () => {
  const runs = join(root, 'runs')
  mkdirSync(join(runs, 'web'), { recursive: true, mode: 0o700 })
  chmodSync(root, 0o755)
  const module = new URL(
    '../../../packages/handoff/src/io/rendezvous/run-directory.ts',
    import.meta.url,
  )
  const code = `
    import { findRunDirectory, runNames } from '${module}'
    process.setgroups([]); process.setgid(1234); process.setuid(1234)
    for (const look of [() => findRunDirectory('web'), runNames]) {
      try { look(); console.log('found') } catch ({ code, message }) { console.log(code, message) }
    }`
  const look = () =>
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      env: { HANDOFF_DIR: runs },
      encoding: 'utf8',
    })
  const unsafe = 'ERR_HANDOFF_DIRECTORY_UNSAFE'
  const closed = `${unsafe} cannot use ${runs}: it belongs to uid 0, and uid 1234 may not enter it`
  expect(look().split('\n')).toEqual([
    expect.stringContaining(closed),
    expect.stringContaining(closed),
    '',
  ])

  chmodSync(runs, 0o755)
  expect(look()).toContain(`${unsafe} cannot use ${join(runs, 'web')}: it belongs to uid 0, not to`)
})
