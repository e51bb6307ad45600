// One supervisor for each name, and no file left when it ends.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { HandoffError } from '../errors.ts'
import { heldLock, type Lock, tryLockName } from '../io/lock.ts'
import { unusable } from '../io/run-directory.ts'

export interface SupervisorLock {
  readonly fd: number
  /** Removes the file and lets the next supervisor in. */
  release(): void
}

/**
 * Takes the lock of the run `name`, whose file is at `path` and tells our pid.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_DIRECTORY_UNUSABLE
 */
export function lockSupervisor(name: string, path: string): SupervisorLock {
  const lock = written(path, () => tryLockName(path))
  if (lock === undefined) throw alreadyRunning(name, path)
  const held = supervisorLock(path, lock)
  try {
    written(path, () => writeFileSync(path, `${process.pid}\n`))
  } catch (error) {
    held.release()
    throw error
  }
  return held
}

function written<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw unusable(path, error)
  }
}

/** The same lock, that the release before has held in this very process. */
export function resumeLock(path: string, fd: number): SupervisorLock {
  return supervisorLock(path, heldLock(fd))
}

function supervisorLock(path: string, lock: Lock): SupervisorLock {
  return {
    fd: lock.fd,
    release() {
      rmSync(path, { force: true })
      lock.release()
    },
  }
}

function alreadyRunning(name: string, path: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_ALREADY_RUNNING',
    `cannot run ${name}: a supervisor of this name is running${holder(path)}`,
  )
}

/** The pid of the holder of the lock at `path`, as ` (pid 123)`; empty if it has just come or gone. */
export function holder(path: string): string {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid > 0 ? ` (pid ${pid})` : ''
  } catch {
    return ''
  }
}
