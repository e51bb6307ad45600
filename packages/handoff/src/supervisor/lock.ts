// One supervisor for each name, and no file left when it ends.

import { closeSync, lstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { HandoffError } from '../errors.ts'
import { heldLock, type Lock, tryLock } from '../io/lock.ts'

export interface SupervisorLock {
  readonly fd: number
  /** Removes the file and lets the next supervisor in. */
  release(): void
}

/**
 * Takes the lock of the run `name`, whose file is at `path` and tells our pid.
 *
 * @remarks The last holder removes the file, so what we have locked may have lost its name to
 * another file meanwhile. The name that has one inode before and after we lock is the file that we
 * locked: as long as we have that open, its number is not given to another one.
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING
 */
export function lockSupervisor(name: string, path: string): SupervisorLock {
  for (;;) {
    const before = inode(path) ?? create(path)
    const lock = tryLock(path)
    if (lock === undefined) throw alreadyRunning(name, path)
    if (before !== undefined && inode(path) === before) {
      writeFileSync(path, `${process.pid}\n`)
      return supervisorLock(path, lock)
    }
    lock.release()
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

function inode(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

/** Makes the file; where it has gone again, its inode is none's. */
function create(path: string): bigint | undefined {
  closeSync(openSync(path, 'a', 0o600))
  return inode(path)
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
