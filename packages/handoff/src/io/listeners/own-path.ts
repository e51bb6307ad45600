// The path of a Unix listener: proves that it is the socket bound there, and removes it.

import type { ManifestEntry } from '../../protocol/manifest.ts'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkForUs } from '../files/unlink-hook.ts'
import { inodeAt } from './unix-path.ts'

/** Removes the path of a Unix listener if it still is the socket that was bound there. */
export function unlinkOwn({ protocol, address, inode }: ManifestEntry): void {
  if (protocol !== 'unix' || inode === undefined) return
  try {
    if (inodeField(address).inode === inode) unlinkForUs(address)
  } catch (error) {
    // A process that has given up the right to leaves the path there, as it would without us: uv_pipe_t.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
  }
}

/** Device and inode of the socket at a path: the guard of its unlink. None for an abstract name. */
export function inodeField(path: string): { inode?: string } {
  if (path === '' || path.startsWith('@')) return {}
  const inode = inodeAt(path)
  return inode === undefined ? {} : { inode }
}

/** Whether nothing is at a path; false where this process may not look. */
export function isMissing(path: string): boolean {
  try {
    return statOfPath(path) === undefined
  } catch {
    return false
  }
}
