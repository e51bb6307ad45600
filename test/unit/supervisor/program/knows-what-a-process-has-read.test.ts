import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { versionOfBootFiles } from '../../../../packages/handoff/src/supervisor/program/boot-files.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  write('app/package.json', '{}')
  write('app/src/server.ts', '')
  write('app/node_modules/tsx/package.json', '{}')
  write('app/node_modules/tsx/dist/loader.mjs', '')
})

afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function version(env: NodeJS.ProcessEnv = {}, variables: readonly string[] = []): string {
  const loader = pathToFileURL(join(root, 'app/node_modules/tsx/dist/loader.mjs')).href
  const flags = ['--import', loader]
  const program = [join(root, 'app/src/server.ts'), 'argument']
  const command = { node: process.execPath, flags, program, cwd: join(root, 'app'), env }
  return versionOfBootFiles({ ...command, descriptors: [] }, variables)
}

test.each([
  'app/package.json',
  'app/src/package.json',
  'package.json',
  'app/tsconfig.json',
  'app/src/tsconfig.json',
  'tsconfig.json',
  'app/jsconfig.json',
  'app/node_modules/tsx/package.json',
  'app/node_modules/tsx/dist/loader.mjs',
])('%s was written', (path) => {
  const before = version()
  expect(version()).toBe(before)
  write(path, '{ "changed": true }')
  expect(version()).not.toBe(before)
})

test('a source of the program was written: the process has not read it', () => {
  const before = version()
  write('app/src/server.ts', 'changed')
  write('app/node_modules/fastify/package.json', '{}')
  expect(version()).toBe(before)
})

test('a file of variables was written', () => {
  const before = version({}, ['.env'])
  write('app/.env', 'A=1')
  expect(version({}, ['.env'])).not.toBe(before)
})

test.each([
  ['"./base"', 'app/base.json'],
  ['"../shared/base.json"', 'shared/base.json'],
  ['"@tsconfig/node20"', 'app/node_modules/@tsconfig/node20/tsconfig.json'],
  ['[ "./one", "@tsconfig/node20/tsconfig.json" ]', 'app/one.json'],
])('a file that tsconfig.json extends as %s was written', (name, path) => {
  write('app/node_modules/@tsconfig/node20/package.json', '{}')
  write('app/node_modules/@tsconfig/node20/tsconfig.json', '{}')
  write('app/tsconfig.json', `{ // a comment\n "extends": ${name} }`)
  const before = version()
  write(path, '{ "compilerOptions": {} }')
  expect(version()).not.toBe(before)
})

test('files that extend each other, or what does not exist, are no endless loop', () => {
  write('app/tsconfig.json', '{ "extends": ["./other.json", "none"] }')
  write('app/other.json', '{ "extends": "./tsconfig.json" }')
  expect(version()).toContain('other.json')
})

test('the file of TSX_TSCONFIG_PATH was written', () => {
  const env = { TSX_TSCONFIG_PATH: 'build/tsconfig.json' }
  const before = version(env)
  write('app/build/tsconfig.json', '{}')
  expect(version(env)).not.toBe(before)
})
