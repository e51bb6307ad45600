// A run that ends removes its directory, and another one of its name may begin at any moment of that.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import {
  removeRunDirectory,
  runDirectory,
} from '../../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import { openPlace } from '../../../../packages/handoff/src/supervisor/place/open-place.ts'
import * as supervisorLock from '../../../../packages/handoff/src/supervisor/place/supervisor-lock.ts'
import { scratchDirectory } from '../../../support/scratch.ts'

vi.mock('../../../../packages/handoff/src/supervisor/place/supervisor-lock.ts', { spy: true })

afterEach(() => {
  vi.unstubAllEnvs()
  vi.mocked(supervisorLock.lockSupervisor).mockReset()
})

function openRuns(): string {
  const runs = scratchDirectory()
  vi.stubEnv('HANDOFF_DIR', runs)
  return runs
}

test('an empty directory is removed, one with a file stays', () => {
  openRuns()
  const { directory, lock } = openPlace('web')
  removeRunDirectory(directory)
  expect(existsSync(directory.lock)).toBe(true)
  lock.release()
  writeFileSync(join(directory.path, 'own'), '')
  removeRunDirectory(directory)
  expect(existsSync(directory.path)).toBe(true)
  removeRunDirectory(runDirectory('none'))
})

test('a directory that is removed before the lock is in it is made again', () => {
  const runs = openRuns()
  mkdirSync(join(runs, 'web'), { mode: 0o700 })
  const { lockSupervisor } = vi.mocked(supervisorLock)
  const original = lockSupervisor.getMockImplementation()
  lockSupervisor.mockImplementationOnce((name, path) => {
    removeRunDirectory(runDirectory(name))
    if (original === undefined) throw new Error(`cannot write ${path}`)
    return original(name, path)
  })
  const { directory, lock } = openPlace('web')
  expect(lockSupervisor).toHaveBeenCalledTimes(2)
  expect(existsSync(directory.lock)).toBe(true)
  lock.release()
})

test('any other failure is the answer', () => {
  openRuns()
  const { lock } = openPlace('web')
  expect(() => openPlace('web')).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_ALREADY_RUNNING' }),
  )
  lock.release()
})
