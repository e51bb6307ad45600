import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  findRunDirectory,
  openRunDirectory,
  pathLimitBytes,
  runDirectory,
  runNames,
  runsDirectory,
  workerDirectory,
  workersFound,
} from '../../../packages/handoff/src/io/rendezvous/run-directory.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const unsafe = expect.objectContaining({ code: 'ERR_HANDOFF_DIRECTORY_UNSAFE' })

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777
}

test('each level that is made can be entered by nobody else', () => {
  const { path, rendezvous } = openRunDirectory('web', { XDG_RUNTIME_DIR: root })

  expect(path).toBe(join(root, 'handoff', 'web'))
  expect(rendezvous).toBe(join(path, 'rendezvous.sock'))
  expect(modeOf(join(root, 'handoff'))).toBe(0o700)
  expect(modeOf(path)).toBe(0o700)
})

test('HANDOFF_DIR comes first and is made when it is not there', () => {
  const directory = join(root, 'a', 'b')
  const env = { HANDOFF_DIR: directory, XDG_RUNTIME_DIR: root }

  expect(openRunDirectory('web', env).path).toBe(join(directory, 'web'))
  expect(modeOf(directory)).toBe(0o700)
})

test('an XDG_RUNTIME_DIR that is not there, as after su, is passed over', () => {
  const env = { XDG_RUNTIME_DIR: join(root, 'gone') }
  expect(runsDirectory(env)).toBe(join(tmpdir(), `handoff-${process.getuid?.()}`))
})

test('asking for the places of a run makes nothing', () => {
  runDirectory('web', { HANDOFF_DIR: join(root, 'new') })
  expect(existsSync(join(root, 'new'))).toBe(false)
})

test('a directory that others may enter is refused and left as it is', () => {
  mkdirSync(join(root, 'web'))
  chmodSync(join(root, 'web'), 0o755)

  expect(() => openRunDirectory('web', { HANDOFF_DIR: root })).toThrow(unsafe)
  expect(modeOf(join(root, 'web'))).toBe(0o755)
})

test('a HANDOFF_DIR in which others could replace ours is refused', () => {
  chmodSync(root, 0o777)
  expect(() => openRunDirectory('web', { HANDOFF_DIR: root })).toThrow(unsafe)
})

test('a HANDOFF_DIR with the sticky bit, such as /tmp, is fine', () => {
  chmodSync(root, 0o1777)
  expect(openRunDirectory('web', { HANDOFF_DIR: root }).path).toBe(join(root, 'web'))
})

test('a symlink in place of the directory is refused', () => {
  mkdirSync(join(root, 'elsewhere'), { mode: 0o700 })
  symlinkSync('elsewhere', join(root, 'web'))
  expect(() => openRunDirectory('web', { HANDOFF_DIR: root })).toThrow(unsafe)
})

test('a file in place of a directory is refused, at each level', () => {
  writeFileSync(join(root, 'web'), '')
  expect(() => openRunDirectory('web', { HANDOFF_DIR: root })).toThrow(unsafe)
  const file = join(root, 'web')
  expect(() => openRunDirectory('web', { HANDOFF_DIR: file })).toThrow(unsafe)
})

test('a path that no socket can have is refused before anything is made', () => {
  const deep = join(root, 'x'.repeat(100))
  expect(() => openRunDirectory('web', { HANDOFF_DIR: deep })).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_PATH_TOO_LONG' }),
  )
  expect(existsSync(deep)).toBe(false)
})

test('each worker has sockets of its own, and the first one those of the run', () => {
  const run = openRunDirectory('web', { HANDOFF_DIR: root })
  expect(workerDirectory(run, 1)).toEqual(run)
  const third = workerDirectory(run, 3)
  const rendezvous = join(run.path, 'rendezvous-3.sock')
  expect(third).toEqual({ ...run, rendezvous, notify: join(run.path, 'notify-3.sock') })
  for (const file of [
    'rendezvous.sock',
    'rendezvous-12.sock',
    'rendezvous-x.sock',
    'note-4.sock',
  ]) {
    writeFileSync(join(run.path, file), '')
  }
  writeFileSync(third.rendezvous, '')
  expect(workersFound(run)).toEqual([3, 12])
})

test('a path that only the sockets of further workers cannot have is refused for those', () => {
  const length = pathLimitBytes - '/web/rendezvous.sock'.length - root.length - 1
  const deep = join(root, 'x'.repeat(length))
  const run = openRunDirectory('web', { HANDOFF_DIR: deep })
  expect(() => workerDirectory(run, 2)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_PATH_TOO_LONG' }),
  )
})

test('runs are found by their directories', () => {
  const env = { HANDOFF_DIR: root }
  openRunDirectory('web', env)
  openRunDirectory('api', env)
  writeFileSync(join(root, 'note'), '')

  expect(runNames(env)).toEqual(['api', 'web'])
  expect(runNames({ HANDOFF_DIR: join(root, 'none') })).toEqual([])
})

test('a client finds a run without making anything', () => {
  const env = { HANDOFF_DIR: join(root, 'new') }
  expect(findRunDirectory('web', env)).toEqual({
    directory: runDirectory('web', env),
    owner: process.getuid?.(),
  })
  expect(existsSync(join(root, 'new'))).toBe(false)
})

test('a client refuses what a supervisor refuses', () => {
  const env = { HANDOFF_DIR: root }
  mkdirSync(join(root, 'web'), { mode: 0o700 })
  expect(findRunDirectory('web', env).owner).toBe(process.getuid?.())
  chmodSync(join(root, 'web'), 0o750)
  expect(() => findRunDirectory('web', env)).toThrow(unsafe)
  rmSync(join(root, 'web'), { recursive: true })
  symlinkSync('elsewhere', join(root, 'web'))
  expect(() => findRunDirectory('web', env)).toThrow(unsafe)
  chmodSync(root, 0o777)
  expect(() => findRunDirectory('api', env)).toThrow(unsafe)
  expect(() => runNames(env)).toThrow(unsafe)
  const runtime = { XDG_RUNTIME_DIR: join(root, 'runtime') }
  mkdirSync(join(root, 'runtime', 'handoff'), { recursive: true })
  chmodSync(join(root, 'runtime', 'handoff'), 0o755)
  expect(() => runNames(runtime)).toThrow(unsafe)
})

test.skipIf(process.getuid?.() !== 0)('root manages the runs of another user (needs root)', () => {
  const env = { HANDOFF_DIR: root }
  mkdirSync(join(root, 'web'), { mode: 0o700 })
  chownSync(join(root, 'web'), 1234, 1234)
  expect(findRunDirectory('web', env).owner).toBe(1234)
  expect(() => openRunDirectory('web', env), 'but runs none there').toThrow(unsafe)
  chownSync(root, 1235, 1235)
  expect(() => findRunDirectory('web', env), 'of two users').toThrow(unsafe)
  chownSync(root, 1234, 1234)
  expect(findRunDirectory('web', env).owner).toBe(1234)

  chownSync(root, 0, 0)
  chmodSync(root, 0o1777)
  expect(() => findRunDirectory('web', env), 'where anybody can make one').toThrow(unsafe)
})
