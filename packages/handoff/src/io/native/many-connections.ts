// Work of a handoff on many connections in one call: a call for each would cost more than the work.

import { constants } from 'node:os'
import { check, loadNative } from './addon.ts'
import { type Descriptors, descriptorArray } from './descriptors.ts'

const NO_ROOM = -constants.errno.EMFILE

/**
 * Dups descriptors, close-on-exec. The caller owns the dups.
 *
 * @returns as many as this process has room for, from the first on.
 * @throws a system error if the first is not open: `EBADF`.
 * @internal
 */
export function dupEach(fds: Descriptors): Int32Array {
  const dups = new Int32Array(fds.length)
  const result = loadNative().dupEach(descriptorArray(fds), dups)
  const count = result === NO_ROOM ? 0 : check(result, 'dup')
  return dups.subarray(0, count)
}

/**
 * Finds a descriptor that is not a connection, by asking the kernel.
 *
 * @param isUnix - whether they must be connections of a Unix path, or else of an IP address.
 * @returns undefined if all are.
 * @internal
 */
export function findOther(fds: readonly number[], isUnix: boolean): number | undefined {
  return fds[loadNative().findOther(descriptorArray(fds), isUnix ? 1 : 0)]
}

/**
 * Ends connections in both directions for every process that holds them, without closing the descriptors.
 *
 * @see shutdown(2)
 * @internal
 */
export function shutdownEach(fds: Descriptors): void {
  check(loadNative().shutdownEach(descriptorArray(fds)), 'shutdown')
}

/**
 * Asks the kernel how many milliseconds ago data last came or went on connections, or they were opened.
 *
 * @returns for each; undefined if the kernel does not report it: not Linux, or not TCP.
 * @see tcp(7), TCP_INFO: tcpi_last_data_recv, tcpi_last_data_sent
 * @internal
 */
export function readSilence(fds: readonly number[]): (number | undefined)[] {
  const silence = new Int32Array(fds.length)
  check(loadNative().readSilence(descriptorArray(fds), silence), 'getsockopt')
  return Array.from(silence, (ms) => (ms < 0 ? undefined : ms))
}

/** Bytes that processes have read from a connection, and written to it, since it was opened. */
export interface Progress {
  read: number
  written: number
}

/**
 * Returns why this system does not report the progress of TCP connections; undefined if it does.
 *
 * @remarks Linux does from 4.19 on.
 * @internal
 */
export function progressObstacle(): string | undefined {
  // Where no socket can be opened now, the kernel is asked for each connection.
  if (loadNative().reportsProgress() !== 0) return undefined
  return 'this system does not count the bytes of a connection (Linux does from 4.19 on)'
}

/** The progress of many connections, as the native core writes it. Read it by {@link progressAt}. */
export type ProgressNumbers = Float64Array

/**
 * Asks the kernel for the progress of connections.
 *
 * @returns for each; undefined if the kernel does not report it: not Linux, not TCP, or the connection is
 * closed.
 * @see tcp(7), TCP_INFO and SIOCINQ
 * @internal
 */
export function readProgress(fds: Descriptors): (Progress | undefined)[] {
  const numbers = readProgressNumbers(fds)
  return Array.from({ length: fds.length }, (_, index) => progressAt(numbers, index))
}

/**
 * As {@link readProgress}, without an object for each connection.
 *
 * @internal
 */
export function readProgressNumbers(fds: Descriptors): ProgressNumbers {
  const numbers = new Float64Array(2 * fds.length)
  check(loadNative().readProgress(descriptorArray(fds), numbers), 'getsockopt')
  return numbers
}

/** @internal */
export function progressAt(numbers: ProgressNumbers, index: number): Progress | undefined {
  const read = numbers[2 * index] ?? -1
  return read < 0 ? undefined : { read, written: numbers[2 * index + 1] as number }
}
