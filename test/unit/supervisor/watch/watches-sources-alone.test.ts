import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { globTest } from '../../../../packages/handoff/src/supervisor/watch/glob.ts'
import { isIgnored, isSource } from '../../../../packages/handoff/src/supervisor/watch/sources.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function ignored(entry: string): string[] {
  const test = isIgnored(join(root, 'app'), join(root, 'app', entry), join(root, 'app/runs'))
  return [
    'src',
    'dist',
    'node_modules',
    '.git',
    'cache',
    '.env',
    'src/cache',
    'tmp',
    'runs',
  ].filter((path) => test(join(root, 'app', path)))
}

function repository(gitignore: string): void {
  mkdirSync(join(root, '.git'))
  mkdirSync(join(root, 'app'))
  writeFileSync(join(root, '.gitignore'), gitignore)
}

test.each(['a.ts', 'a.mts', 'a.cjs', 'a.jsx', 'package.json', '.env', '.env.local', 'a.yaml'])(
  '%s is a source',
  (name) => {
    expect(isSource(join('/srv', name))).toBe(true)
  },
)

test.each(['a.log', 'a.sqlite', 'a.ts~', '.a.ts.swp', 'README.md', 'a'])('%s is none', (name) => {
  expect(isSource(join('/srv', name))).toBe(false)
})

test('dependencies, the files of git and our own are left out', () => {
  expect(ignored('src/server.ts')).toEqual(['node_modules', '.git', 'runs'])
})

test('so is what git ignores by a plain name, but no environment file', () => {
  repository('dist/\n/tmp\n.env\n# cache\n*.log\n!src\n')
  writeFileSync(join(root, 'app', '.gitignore'), '/cache\n')
  expect(ignored('src/server.ts')).toEqual(['dist', 'node_modules', '.git', 'cache', 'runs'])
})

test('what git ignores is watched when the entry lies in it', () => {
  repository('dist/\n')
  expect(ignored('dist/server.js')).toEqual(['node_modules', '.git', 'runs'])
})

test.each([
  ['db.json', ['db.json', 'data/db.json'], ['db.json5', 'adb.json']],
  ['./data', ['data', 'data/a.json', 'src/data/b.json'], ['database.json']],
  ['data/*.json', ['data/a.json'], ['data/b/a.json', 'src/data/a.json']],
  ['data/**/*.json', ['data/a.json', 'data/b/c/a.json'], ['data/a.js']],
  ['*.{gen,test}.ts', ['a.gen.ts', 'src/a.test.ts'], ['a.ts', 'gen.ts']],
  ['a?.json', ['ab.json'], ['a.json', 'a/.json']],
  ['a+(b).json', ['a+(b).json'], ['aab.json']],
  ['/app/cache/', ['cache/a.json'], ['src/cache/a.json']],
])('%s leaves out what it matches', (pattern, matching, others) => {
  const test = globTest(pattern, '/app')
  expect([...matching, ...others].filter((path) => test(join('/app', path)))).toEqual(matching)
})

test('what an operator leaves out is left out, environment files and the entry too', () => {
  const test = isIgnored('/app', '/app/bin/www', '/runs', ['.env', 'bin'])
  expect(['/app', '/app/.env', '/app/bin/www', '/app/src'].filter(test)).toEqual([
    '/app/.env',
    '/app/bin/www',
  ])
})
