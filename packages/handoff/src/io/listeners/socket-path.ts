// The path of a Unix listener: whether the socket that was bound there still is there, and its removal.

import type { ManifestEntry } from '../../protocol/manifest.ts'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkUnguarded } from '../files/unlink-hook.ts'

/**
 * Returns device and inode of the socket at a path.
 *
 * @returns undefined for anything else, and if this process may not look: it may have given up root.
 */
export function inodeAt(path: string): string | undefined {
  try {
    const stat = statOfPath(path)
    return stat?.isSocket() ? `${stat.dev}:${stat.ino}` : undefined
  } catch {
    return undefined
  }
}

/** Returns device and inode of the socket at a path, to check before an unlink. None for an abstract name. */
export function inodeField(path: string): { inode?: string } {
  if (path === '' || path.startsWith('@')) return {}
  const inode = inodeAt(path)
  return inode === undefined ? {} : { inode }
}

/** Removes the path of a Unix listener if it still is the socket that was bound there. */
export function unlinkOwn({ protocol, address, inode }: ManifestEntry): void {
  if (protocol !== 'unix' || inode === undefined) return
  try {
    if (inodeField(address).inode === inode) unlinkUnguarded(address)
  } catch (error) {
    // A process that has given up the right to leaves the path there, as it would without us: uv_pipe_t.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
  }
}

/** Whether nothing is at a path; false if this process may not look. */
export function isMissing(path: string): boolean {
  try {
    return statOfPath(path) === undefined
  } catch {
    return false
  }
}
