// One supervisor for each name, and no file left when it ends.

import { fstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { statOfPath } from '../../io/files/file-stat.ts'
import { heldLock, type Lock, tryLockName } from '../../io/files/lock.ts'
import { unusable } from '../../io/rendezvous/run-directory.ts'
import { HandoffError } from '../../terms/errors.ts'

export interface SupervisorLock {
  readonly fd: number
  /** Whether the file that is locked still has its name: else another supervisor could begin. */
  isThere(): boolean
  /**
   * Makes the file anew, and locks it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING, where another supervisor has done so;
   * ERR_HANDOFF_DIRECTORY_UNUSABLE.
   */
  renew(): void
  /** Removes the file and lets the next supervisor in. */
  release(): void
}

/**
 * Takes the lock of the run `name`, whose file is at `path` and tells our pid.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_DIRECTORY_UNUSABLE
 */
export function lockSupervisor(name: string, path: string): SupervisorLock {
  return supervisorLock(name, path, take(name, path))
}

/** The same lock, that the release before has held in this very process. */
export function resumeLock(name: string, path: string, fd: number): SupervisorLock {
  return supervisorLock(name, path, heldLock(fd))
}

function take(name: string, path: string): Lock {
  const lock = written(path, () => tryLockName(path))
  if (lock === undefined) throw alreadyRunning(name, path)
  try {
    written(path, () => writeFileSync(path, `${process.pid}\n`))
  } catch (error) {
    rmSync(path, { force: true })
    lock.release()
    throw error
  }
  return lock
}

function written<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw unusable(path, error)
  }
}

function supervisorLock(name: string, path: string, first: Lock): SupervisorLock {
  let lock = first
  const isThere = () => {
    const own = fstatSync(lock.fd, { bigint: true })
    const found = statOfPath(path)
    return found?.ino === own.ino && found.dev === own.dev
  }
  return {
    get fd() {
      return lock.fd
    },
    isThere,
    renew() {
      const renewed = take(name, path)
      lock.release()
      lock = renewed
    },
    release() {
      // At the path may be what another supervisor holds.
      if (isThere()) rmSync(path, { force: true })
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
