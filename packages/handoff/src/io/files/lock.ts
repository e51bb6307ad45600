// Locks on files and directories: one holder, until it releases them or ends.

import { closeSync, constants, openSync } from 'node:fs'
import { check, loadNative, WOULD_BLOCK } from '../native/addon.ts'
import { statOfPath } from './file-stat.ts'

export interface Lock {
  readonly fd: number
  release(): void
}

/**
 * Takes the exclusive lock on a file, which is made when it is not there; undefined: someone holds it.
 *
 * @remarks The kernel releases it when this process ends, however it ends. The file stays: to remove
 * it would let two processes hold locks on two files of one name.
 * @throws a system error: `EACCES`, `ENOENT`, `ELOOP` (a symlink is at the path)
 * @see flock(2)
 * @internal
 */
export function tryLock(path: string): Lock | undefined {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  return lockDescriptor(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600), path) // Node adds O_CLOEXEC
}

/**
 * As {@link tryLock}, for a file that its holders remove while they hold it.
 *
 * @remarks What was locked may have lost its name to another file meanwhile. The name that has one
 * inode before and after is the file that was locked: while that is open, its number is not given to
 * another one.
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

/** Makes the file; where it has gone again, its inode is none's. */
function create(path: string): bigint | undefined {
  closeSync(openSync(path, 'a', 0o600))
  return inode(path)
}

/**
 * Takes the exclusive lock on a directory: for a short time, and without a file that stays.
 *
 * @throws a system error: `ENOENT`, `ENOTDIR`, `EACCES`
 * @internal
 */
export function tryLockDirectory(path: string): Lock | undefined {
  const { O_RDONLY, O_DIRECTORY } = constants
  return lockDescriptor(openSync(path, O_RDONLY | O_DIRECTORY), path)
}

/** Owns the descriptor. */
function lockDescriptor(fd: number, path: string): Lock | undefined {
  const result = loadNative().lock(fd)
  if (result < 0) closeSync(fd)
  if (result === WOULD_BLOCK) return undefined
  check(result, 'flock', { path })

  return heldLock(fd)
}

/** A lock that is held already, by way of this descriptor. Owns it. */
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
