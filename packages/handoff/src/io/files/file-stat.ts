// Reads the status of files, without an effect on the program's own use of node:fs.

import { type BigIntStats, fstatSync, lstatSync } from 'node:fs'

// A stat without `bigint` writes its result into an array that all calls share. For a directory that it
// has seen before, `fs.realpathSync` reads the last result from that array. If that was the result for a
// socket, the program's next import does not follow symbolic links. Seen on Node 20, lib/fs.js,
// realpathSync: "Continue if not a symlink, break if a pipe/socket".

/**
 * Returns the status of a path. Does not follow a symbolic link.
 *
 * @returns undefined if nothing is there.
 * @throws the system's error, `ENOENT` excepted.
 */
export function statOfPath(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

/** Returns the status of a descriptor. @throws the system's error: `EBADF`. */
export function statOfDescriptor(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true })
}
