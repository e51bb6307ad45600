// The path of a Unix listener is put back where it was removed, and never in the place of something else.

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectUnix } from '../../../packages/handoff/src/io/channel/unix-socket.ts'
import { removeStaleSocket } from '../../../packages/handoff/src/io/listeners/bind-request.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import {
  KeptPaths,
  keepsAny,
  removeKept,
  restoreKept,
} from '../../../packages/handoff/src/io/listeners/kept-paths.ts'
import { inodeAt } from '../../../packages/handoff/src/io/listeners/socket-path.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { scratchDirectory } from '../../support/scratch.ts'

/** A listener with its path, and the directory of its run. */
function listening(directory = scratchDirectory(), run = scratchDirectory()) {
  const path = join(directory, 'app.sock')
  const fd = bindUnix({ path })
  let open = true
  const end = () => {
    if (open) close(fd)
    open = false
  }
  onTestFinished(end)
  const inode = inodeAt(path) ?? ''
  const paths = new KeptPaths(() => run)
  paths.keep(path, inode)
  return { directory, run, path, paths, inode, end }
}

const leads = (path: string) => close(connectUnix(path))

test('a path that was removed leads to its listener again', () => {
  const { path, paths, inode, run } = listening()
  expect(paths.has(path)).toBe(true)
  rmSync(path)
  expect(paths.has(path)).toBe(false)
  paths.restore(path)
  leads(path)
  expect(inodeAt(path)).toBe(inode)
  rmSync(path)
  restoreKept(run)
  leads(path)
})

test('what is there by now is not touched', () => {
  const { path, paths, run, inode } = listening()
  rmSync(path)
  writeFileSync(path, 'precious')
  paths.restore(path)
  restoreKept(run)
  removeKept(run, () => true)
  expect(readFileSync(path, 'utf8')).toBe('precious')

  rmSync(path)
  const other = bindUnix({ path })
  onTestFinished(() => close(other))
  paths.keep(path, inode)
  paths.restore(path, inode)
  expect(keepsAny(run)).toBe(false)
  expect(inodeAt(path)).not.toBe(inode)
})

test('a path that its program removes by intent comes back only when it listens there anew', () => {
  const { path, paths, run, inode } = listening()
  paths.release(path)
  rmSync(path)
  restoreKept(run)
  paths.restore(path)
  expect(existsSync(path)).toBe(false)
  paths.restore(path, inode, true)
  leads(path)
  paths.keep(path, inode)
  rmSync(path)
  restoreKept(run)
  leads(path)
})

test('nothing is left of a path that is forgotten, or that nobody listens on', () => {
  const { path, paths, run, inode, end } = listening()
  removeKept(run, removeStaleSocket)
  leads(path)
  expect(readdirSync(run)).toHaveLength(2)
  paths.forget(path, `${inode}0`)
  expect(keepsAny(run)).toBe(true)
  paths.forget(path, inode)
  expect(readdirSync(run)).toEqual([])
  paths.keep(path, inode)
  end()
  removeKept(run, removeStaleSocket)
  expect(readdirSync(run)).toEqual([])
  expect(existsSync(path)).toBe(false)
})

test('the link of a live listener stays although its path is missing', () => {
  const { path, run, end } = listening()
  rmSync(path)
  removeKept(run, removeStaleSocket)
  restoreKept(run)
  leads(path)
  rmSync(path)
  end()
  removeKept(run, removeStaleSocket)
  expect(readdirSync(run)).toEqual([])
})

test('a new listener at the path takes the place of the one before', () => {
  const { path, paths, run, inode } = listening()
  rmSync(path)
  const fd = bindUnix({ path })
  onTestFinished(() => close(fd))
  const next = inodeAt(path) ?? ''
  expect(next).not.toBe(inode)
  paths.keep(path, next)
  // The one before has ended late.
  paths.forget(path, inode)
  rmSync(path)
  paths.restore(path)
  expect(inodeAt(path)).toBe(next)
  expect(readdirSync(run)).toHaveLength(2)
})

// A directory on another file system than the temporary one, as /run and /tmp are.
const shared = '/dev/shm'
const isElsewhere = existsSync(shared) && statSync(shared).dev !== statSync(tmpdir()).dev

test.runIf(isElsewhere)('on another file system the link is beside the path', () => {
  const directory = scratchDirectory(shared)
  const { path, paths, run, inode, end } = listening(directory)
  expect(readdirSync(directory).sort()).toEqual([
    expect.stringMatching(/^\.app\.sock\.kept-/),
    'app.sock',
  ])
  expect(paths.has(path)).toBe(true)
  rmSync(path)
  restoreKept(run)
  leads(path)
  expect(inodeAt(path)).toBe(inode)
  end()
  removeKept(run, removeStaleSocket)
  expect(readdirSync(directory)).toEqual([])
  expect(readdirSync(run)).toEqual([])
})

test('without a directory, and for abstract names, nothing is kept', () => {
  const onKeep = vi.fn()
  const { path, inode, run } = listening()
  new KeptPaths(() => undefined, onKeep).keep(path, inode)
  const paths = new KeptPaths(() => run, onKeep)
  for (const name of ['', '@abstract', '\0abstract']) {
    paths.keep(name, inode)
    paths.restore(name)
    expect(paths.has(name)).toBe(false)
  }
  expect(onKeep).not.toHaveBeenCalled()
  paths.keep(path, inode)
  expect(onKeep).toHaveBeenCalledTimes(1)
})
