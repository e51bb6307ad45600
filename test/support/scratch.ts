// Files, paths and descriptors of one test, gone when it ends.

import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function scratchDirectory(parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'handoff-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Has the test close something when it ends. */
export function closeLater<T extends { close(): void } | number>(closable: T): T {
  onTestFinished(() => (typeof closable === 'number' ? closeSync(closable) : closable.close()))
  return closable
}

/** Opens different files: their descriptors are told apart by inode. */
export function openFiles(count: number): number[] {
  const directory = scratchDirectory()
  return Array.from({ length: count }, (_, i) => {
    const fd = closeLater(openSync(join(directory, `${i}`), 'w+'))
    writeSync(fd, `${i}`, 0)
    return fd
  })
}

/** What a descriptor refers to, whatever its number. */
export function inode(fd: number): string {
  const { dev, ino } = fstatSync(fd)
  return `${dev}:${ino}`
}
