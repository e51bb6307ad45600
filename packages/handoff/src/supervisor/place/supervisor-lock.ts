// Locks the name of a run, so that it has one supervisor.

import { fstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { statOfPath } from '../../io/files/file-stat.ts'
import { heldLock, type Lock, tryLockName } from '../../io/files/lock.ts'
import { unusable } from '../../io/rendezvous/run-directory.ts'
import { HandoffError } from '../../terms/errors.ts'

export interface SupervisorLock {
  readonly fd: number
  /** Whether the locked file is at its path. If not, another supervisor could begin. */
  isThere(): boolean
  /**
   * Creates the file again, and locks it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING if another supervisor has done so;
   * ERR_HANDOFF_DIRECTORY_UNUSABLE.
   */
  renew(): void
  /** Removes the file and lets the next supervisor in. */
  release(): void
}

/**
 * Takes the lock of the run `name`, whose file is at `path` and contains the pid.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_DIRECTORY_UNUSABLE
 */
export function lockSupervisor(name: string, path: string): SupervisorLock {
  return supervisorLock(name, path, take(name, path))
}

/** Takes the lock that the release before has held in this process. */
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
      // The file at the path may belong to another supervisor.
      if (isThere()) rmSync(path, { force: true })
      lock.release()
    },
  }
}

function alreadyRunning(name: string, path: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_ALREADY_RUNNING',
    `cannot run ${name}: a supervisor of this name is running${lockHolder(path)}`,
  )
}

/** Returns the holder of the lock at `path` as ` (pid 123)`; empty if it has just started or ended. */
export function lockHolder(path: string): string {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid > 0 ? ` (pid ${pid})` : ''
  } catch {
    return ''
  }
}
