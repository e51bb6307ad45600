// What a program asks node:fs to remove is removed, but for the paths that are held back.

import fs, { existsSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import fsPromises from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { guardPaths } from '../../../packages/handoff/src/io/files/unlink-hook.ts'
import { scratchDirectory } from '../../support/scratch.ts'

const before = Object.fromEntries(
  (['unlinkSync', 'rmSync', 'unlink', 'rm'] as const).map((name) => {
    const { length } = fs[name]
    return [name, { name: fs[name].name, length }]
  }),
)

let held = ''
let other = ''
const asked = vi.fn()
beforeEach(() => {
  const directory = scratchDirectory()
  held = join(directory, 'held')
  other = join(directory, 'other')
  for (const path of [held, other]) writeFileSync(path, '')
  guardPaths((path) => {
    asked(path)
    return path === held
  })
})
afterEach(() => guardPaths(() => false))

const require = createRequire(import.meta.url)
const ways: [string, (path: string) => unknown][] = [
  ['unlinkSync', (path) => fs.unlinkSync(path)],
  ['rmSync', (path) => fs.rmSync(path)],
  ['rmSync, forced', (path) => fs.rmSync(path, { force: true, recursive: true })],
  ['unlink', (path) => promisify(fs.unlink)(path)],
  ['rm', (path) => promisify(fs.rm)(path, { force: true })],
  ['promises.unlink', (path) => fs.promises.unlink(path)],
  ['promises.rm', (path) => fsPromises.rm(path, { force: true })],
  ['the named import unlinkSync', (path) => unlinkSync(path)],
  ['the named import rmSync', (path) => rmSync(path)],
  ['a URL', (path) => fs.unlinkSync(pathToFileURL(path))],
  ['a buffer', (path) => fs.unlinkSync(Buffer.from(path))],
  ['require', (path) => require('node:fs').unlinkSync(path)],
]

test.each(ways)('%s', async (_, remove) => {
  await remove(held)
  expect(existsSync(held)).toBe(true)
  await remove(other)
  expect(existsSync(other)).toBe(false)
  guardPaths(() => false)
  await remove(held)
  expect(existsSync(held)).toBe(false)
})

test('a path is judged as an absolute one', () => {
  asked.mockClear()
  expect(() => fs.unlinkSync('nowhere')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  expect(asked).toHaveBeenCalledWith(join(process.cwd(), 'nowhere'))
})

test('what Node refuses it refuses still, and what it fails with it fails with', async () => {
  const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' })
  for (const odd of [undefined, null, 7, {}, Symbol('x')] as never[]) {
    expect(() => fs.unlinkSync(odd)).toThrow(invalid)
    expect(() => fs.rmSync(odd)).toThrow(invalid)
    await expect(fs.promises.unlink(odd)).rejects.toThrow(invalid)
  }
  expect(() => fs.unlink(held, undefined as never)).toThrow(invalid)
  expect(existsSync(held)).toBe(true)
  const missing = expect.objectContaining({ code: 'ENOENT', syscall: 'unlink' })
  await expect(promisify(fs.unlink)(`${held}x`)).rejects.toThrow(missing)
})

test('the functions look as they did', () => {
  for (const [name, { name: own, length }] of Object.entries(before)) {
    const hooked = Reflect.get(fs, name) as (...args: unknown[]) => unknown
    expect([hooked.name, hooked.length]).toEqual([own, length])
  }
})

test('a callback comes later, and says that nothing failed', async () => {
  const callback = vi.fn()
  fs.unlink(held, callback)
  expect(callback).not.toHaveBeenCalled()
  await vi.waitUntil(() => callback.mock.calls.length > 0)
  expect(callback).toHaveBeenCalledWith(null)
})
