// Looks at files without a trace in Node.js.

import { type BigIntStats, fstatSync, lstatSync } from 'node:fs'

// A stat without `bigint` leaves its result in an array that all of them share. `fs.realpathSync` reads
// the last result there for a directory that it has seen before, and takes that for a socket or pipe if
// we looked at one: the program's next import does not follow symbolic links then. Seen on Node 20,
// lib/fs.js, realpathSync: "Continue if not a symlink, break if a pipe/socket".

/**
 * Looks at a path, not at what it links to.
 *
 * @returns undefined if there is nothing.
 * @throws the system's error, `ENOENT` excepted.
 */
export function statOfPath(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

/** @throws the system's error: `EBADF`. */
export function statOfDescriptor(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true })
}
