import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  findEntry,
  isName,
  nameOf,
} from '../../../../packages/handoff/src/supervisor/program/entry.ts'

let root = ''

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'handoff-unit-')))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function file(path: string, text = ''): string {
  const full = join(root, path)
  mkdirSync(join(full, '..'), { recursive: true })
  writeFileSync(full, text)
  return full
}

const badEntry = expect.objectContaining({ code: 'ERR_HANDOFF_ENTRY' })

test('symbolic links are followed anew at each start', () => {
  file('releases/1/server.js')
  file('releases/2/server.js')
  const current = join(root, 'current')
  symlinkSync('releases/1', current)
  expect(findEntry('server.js', current)).toMatchObject({
    path: join(root, 'releases/1/server.js'),
    cwd: join(root, 'releases/1'),
  })

  rmSync(current)
  symlinkSync('releases/2', current)
  expect(findEntry('server.js', current).path).toBe(join(root, 'releases/2/server.js'))
})

test('an entry that is not there, or is no file, or a working directory that has gone, is told', () => {
  expect(() => findEntry('none.js', root)).toThrow(badEntry)
  expect(() => findEntry('.', root)).toThrow(badEntry)
  expect(() => findEntry('server.js', join(root, 'gone'))).toThrow(badEntry)
})

test('JavaScript needs no loader', () => {
  for (const name of ['a.js', 'a.mjs', 'a.cjs', 'a']) {
    file(name)
    expect(findEntry(name, root).loader).toEqual([])
  }
})

test('TypeScript is loaded by the tsx of the entry', () => {
  file('server.ts')
  const tsx = file('node_modules/tsx/loader.mjs')
  file('node_modules/tsx/package.json', '{ "exports": "./loader.mjs" }')
  expect(findEntry('server.ts', root).loader).toEqual(['--import', `file://${tsx}`])
})

test.skipIf('typescript' in process.features && process.features.typescript)(
  'without tsx, a Node that does not strip types says how to get it',
  () => {
    file('server.ts')
    expect(() => findEntry('server.ts', root)).toThrow('npm i -D tsx')
  },
)

test('whether another Node strips types is for that one to say', () => {
  file('server.ts')
  expect(findEntry('server.ts', root, '/opt/another/node').loader).toEqual([])
})

test('the name is that of the nearest package, without its scope', () => {
  const entry = file('app/src/server.ts')
  file('package.json', '{ "name": "outer" }')
  expect(nameOf({ path: entry, home: dirname(entry) })).toBe('outer')
  file('app/package.json', '{ "name": "@acme/Web Shop" }')
  expect(nameOf({ path: entry, home: dirname(entry) })).toBe('Web-Shop')
})

test('without a name of the package it is that of the file', () => {
  const entry = file('app/.server.dev.ts')
  file('app/package.json', '{}')
  expect(nameOf({ path: entry, home: dirname(entry) })).toBe('server.dev')
  file('app/package.json', '{ broken')
  expect(nameOf({ path: entry, home: dirname(entry) })).toBe('server.dev')
})

test('a name is one path segment', () => {
  for (const name of ['web', 'web-2', 'a.b', '_', '0']) expect(isName(name), name).toBe(true)
  for (const name of ['', '.', '..', 'a/b', '-x', 'a b', 'ä', 'x'.repeat(65)]) {
    expect(isName(name), name).toBe(false)
  }
})

test('an entry is found as Node.js finds a module: without its ending, and by its directory', () => {
  file('server.mjs')
  expect(findEntry('server', root).path).toBe(join(root, 'server.mjs'))
  file('server.js')
  expect(findEntry('./server', root).path).toBe(join(root, 'server.js'))

  file('lib/index.cjs')
  expect(findEntry('lib', root).path).toBe(join(root, 'lib/index.cjs'))
  file('package.json', '{ "main": "lib" }')
  expect(findEntry('.', root).path).toBe(join(root, 'lib/index.cjs'))
  file('package.json', '{ "exports": { ".": { "import": "./server.mjs", "types": "./x.d.ts" } } }')
  expect(findEntry('.', root).path).toBe(join(root, 'server.mjs'))
})

test('the command of an installed package is run by its script, for the package here', () => {
  file('package.json', '{ "name": "shop" }')
  const script = file('node_modules/next/dist/bin/next', '#!/usr/bin/env node\n')
  file('node_modules/next/package.json', '{ "name": "next" }')
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
  symlinkSync('../next/dist/bin/next', join(root, 'node_modules/.bin/next'))
  const found = findEntry('next', root)
  expect(found).toMatchObject({ path: script, cwd: root, home: root })
  expect(nameOf(found)).toBe('shop')
})

test('so is one that pnpm has wrapped in a shell script; one that is none of Node.js is refused', () => {
  const script = file('node_modules/.pnpm/next/bin/next.js')
  file(
    'node_modules/.bin/next',
    '#!/bin/sh\nexec node  "$basedir/../.pnpm/next/bin/next.js" "$@"\n',
  )
  file('node_modules/.bin/caddy', '#!/bin/sh\nexec /usr/bin/caddy\n')
  expect(findEntry('next', root).path).toBe(script)
  expect(() => findEntry('caddy', root)).toThrow(badEntry)
})
