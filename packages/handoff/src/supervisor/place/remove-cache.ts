// Removes a directory with compiled code.

import { rmSync } from 'node:fs'

/**
 * Removes a directory with everything in it. If a process writes there meanwhile, the directory stays with what
 * that process has written: a process of an earlier supervisor, or a child of the server, may do so. Compiled
 * code that is left is no reason for a supervisor to end.
 *
 * @throws a system error.
 */
export function removeCache(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
  }
}
