// Locks files, until the holder releases the lock or ends.

import { closeSync, constants, openSync } from 'node:fs'
import { check, loadNative, WOULD_BLOCK } from '../native/addon.ts'
import { statOfPath } from './file-stat.ts'

export interface Lock {
  readonly fd: number
  release(): void
}

/**
 * Takes the exclusive lock on a file. Makes the file if it is missing.
 *
 * @remarks The kernel releases the lock when this process ends, in whatever way. The file stays: if it
 * were removed, two processes could hold locks on two files of one name.
 * @returns undefined if another process holds the lock.
 * @throws a system error: `EACCES`, `ENOENT`, `ELOOP` (a symlink is at the path).
 * @see flock(2)
 * @internal
 */
export function tryLock(path: string): Lock | undefined {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  return lockDescriptor(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600), path) // Node adds O_CLOEXEC
}

/**
 * Does the same with a file that its holders remove while they hold the lock.
 *
 * @remarks Another file may have the name by the time of the lock. If the name has the same inode before
 * and after, it is the locked file: while that is open, the kernel gives its number to no other file.
 * @internal
 */
export function tryLockName(path: string): Lock | undefined {
  for (;;) {
    const before = inode(path) ?? create(path)
    const lock = tryLock(path)
    if (lock === undefined) return undefined
    if (before !== undefined && inode(path) === before) return lock
    lock.release()
  }
}

function inode(path: string): bigint | undefined {
  return statOfPath(path)?.ino
}

/** Makes the file. Returns its inode; undefined if it was removed meanwhile. */
function create(path: string): bigint | undefined {
  closeSync(openSync(path, 'a', 0o600))
  return inode(path)
}

/** Owns the descriptor. */
function lockDescriptor(fd: number, path: string): Lock | undefined {
  const result = loadNative().lock(fd)
  if (result < 0) closeSync(fd)
  if (result === WOULD_BLOCK) return undefined
  check(result, 'flock', { path })

  return heldLock(fd)
}

/** Makes a lock of a descriptor that holds it already. Owns the descriptor. */
export function heldLock(fd: number): Lock {
  let held = true
  return {
    fd,
    release() {
      if (held) closeSync(fd)
      held = false
    },
  }
}
