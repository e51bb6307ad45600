// What a handoff does to many connections at once: a call for each would cost more than it does.

import { constants } from 'node:os'
import { check, loadNative } from './addon.ts'
import { descriptorArray } from './descriptors.ts'

const NO_ROOM = -constants.errno.EMFILE

/**
 * Dups descriptors, close-on-exec; the caller owns what comes back.
 *
 * @returns as many as this process has room for, from the first on.
 * @throws a system error when the first is not open: `EBADF`
 * @internal
 */
export function dupEach(fds: readonly number[]): number[] {
  const dups = new Int32Array(fds.length)
  const result = loadNative().dupEach(descriptorArray(fds), dups)
  const count = result === NO_ROOM ? 0 : check(result, 'dup')
  return [...dups.subarray(0, count)]
}

/**
 * Finds a descriptor that is not a connection, by the kernel's word.
 *
 * @param isUnix - whether they should be connections of a Unix path, or of an address.
 * @returns undefined when all are.
 * @internal
 */
export function findOther(fds: readonly number[], isUnix: boolean): number | undefined {
  return fds[loadNative().findOther(descriptorArray(fds), isUnix ? 1 : 0)]
}

/** Bytes that a process has read from a connection, and written to it, since it was opened. */
export interface Progress {
  read: number
  written: number
}

/**
 * Asks the kernel how far connections have come.
 *
 * @returns for each, undefined where the kernel does not tell: not on Linux, not TCP, or the
 * connection is gone.
 * @see tcp(7), TCP_INFO and SIOCINQ
 * @internal
 */
export function readProgress(fds: readonly number[]): (Progress | undefined)[] {
  const numbers = new Float64Array(2 * fds.length)
  check(loadNative().readProgress(descriptorArray(fds), numbers), 'getsockopt')
  return fds.map((_, index) => {
    const read = numbers[2 * index] as number
    return read < 0 ? undefined : { read, written: numbers[2 * index + 1] as number }
  })
}
