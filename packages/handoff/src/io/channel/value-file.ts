// Carries values that are too large for a frame: in an unlinked temporary file, by its descriptor.

import { closeSync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { statOfDescriptor } from '../files/file-stat.ts'
import { builtins } from '../node/builtins.ts'

/** Largest value: a string of V8 holds no more (String::kMaxLength, 2^29 - 24). */
export const valueLimitBytes = 2 ** 29 - 24

/** Created with O_EXCL, which does not follow a symbolic link of another user: open(2). */
const how = ['wx+', 0o600] as const

const newPath = () => join(tmpdir(), `handoff-state-${builtins.crypto.randomUUID()}`)

/**
 * Writes a file that has no path and that no other user can open. The caller closes it.
 *
 * @throws the system's error: `ENOSPC`, `EMFILE`, `EACCES`.
 */
export async function writeValueFile(bytes: Uint8Array): Promise<FileHandle> {
  const path = newPath()
  const file = await open(path, ...how)
  try {
    await unlink(path)
    await file.writeFile(bytes)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Does the same synchronously, for a value that must not change meanwhile. */
export function writeValueFileSync(bytes: Uint8Array): number {
  const path = newPath()
  const fd = openSync(path, ...how)
  try {
    unlinkSync(path)
    writeFileSync(fd, bytes)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Reads such a file. The caller keeps the descriptor.
 *
 * @returns undefined if it is not a regular file of this length.
 * @throws the system's error.
 */
export function readValueFile(fd: number, length: number): Buffer | undefined {
  const stat = statOfDescriptor(fd)
  if (!stat.isFile() || stat.size !== BigInt(length) || length > valueLimitBytes) return undefined
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; ) {
    // By position: the offset is shared with the process that wrote it.
    const count = readSync(fd, bytes, at, length - at, at)
    if (count === 0) return undefined // Truncated since.
    at += count
  }
  return bytes
}
