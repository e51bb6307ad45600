// The bundles of this package run from compiled code that V8 accepts and that is theirs, else from their text.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import {
  cacheFile,
  cacheHead,
  compileBundle,
  scriptOf,
} from '../../../packages/handoff/src/preload/bundles/compile-bundle.ts'
import { createLoader } from '../../../packages/handoff/src/preload/bundles/loader.ts'

const name = 'preload/one.cjs'
const url = 'file:///dist/bundles/preload/one.cjs'

let folder: string
/** Bundles of the same length: V8 cannot distinguish them. */
let first: string
let second: string
let tests = 10

beforeEach(() => {
  // V8 keeps what it has compiled in this process by its text.
  tests += 1
  first = `module.exports = "first " /* ${tests} */`
  second = `module.exports = "second" /* ${tests} */`
  folder = mkdtempSync(join(tmpdir(), 'handoff-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Keeps compiled code for a bundle: that of `compiled`. */
function keep(code: string, compiled: string, filename = url): void {
  const data = scriptOf(compiled, filename).createCachedData()
  writeFileSync(cacheFile(folder, name), Buffer.concat([cacheHead(code, filename), data]))
}

function run(code: string, cache: string | undefined): unknown {
  const module = { exports: {} as unknown }
  const none = () => expect.unreachable()
  compileBundle(code, name, url, cache)(module, none, url, none, none, none)
  return module.exports
}

test('a bundle runs without compiled code', () => {
  expect(run(first, folder)).toBe('first ')
  expect(run(first, undefined)).toBe('first ')
})

test('compiled code of exactly this text and place is used', () => {
  keep(first, second)
  expect(run(first, folder), 'the code that was kept').toBe('second')
})

test('compiled code of another text of the same length is not', () => {
  keep(second, second)
  expect(run(first, folder)).toBe('first ')
})

test('compiled code of another place is not: its stack traces would name that', () => {
  keep(first, second, 'file:///elsewhere/preload/one.cjs')
  expect(run(first, folder)).toBe('first ')
})

test.each([0, 1, 40])('compiled code of %i bytes is none', (bytes) => {
  const file = Buffer.concat([cacheHead(first, url), Buffer.alloc(bytes, 7)])
  writeFileSync(cacheFile(folder, name), file)
  expect(run(first, folder)).toBe('first ')
})

test('an error names the line and the column of the bundle', () => {
  const code = 'throw new Error("thrown")'
  keep(code, code)
  for (const cache of [folder, undefined]) {
    expect(() => run(code, cache)).toThrow(
      expect.objectContaining({ stack: expect.stringContaining(`${url}:1:7`) }),
    )
  }
})

test('the loader takes the folder from the environment of its process', () => {
  const bundles = join(folder, 'bundles')
  mkdirSync(join(bundles, 'preload'), { recursive: true })
  writeFileSync(join(bundles, name), first)
  const at = pathToFileURL(bundles).href
  keep(first, second, `${at}/${name}`)
  vi.stubEnv('HANDOFF_CODE_CACHE', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(createLoader(at).load(name)).toBe('second')
  expect(readdirSync(folder)).toContain('preload+one.cjs.bin')
})
