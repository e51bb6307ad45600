// The packages as they are packed: for publint, for TypeScript in each kind of module, and for require().

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prebuildPath, problemOf, targets } from '../../../scripts/prebuilds.ts'
import { packInto } from '../../support/packages.ts'

const packages = fileURLToPath(new URL('../../../packages', import.meta.url))
const packed = mkdtempSync(join(tmpdir(), 'handoff-packed-'))
let tarballs: string[] = []

beforeAll(() => {
  tarballs = packInto(packed)
}, 180_000)
afterAll(() => rmSync(packed, { recursive: true, force: true }))

const cases = [
  { name: 'socket-handoff', folder: 'handoff', doors: ['index', 'channel'] },
  { name: 'fastify-socket-handoff', folder: 'fastify-plugin', doors: ['index'] },
]

describe.each(cases)('$name', ({ name, folder, doors }) => {
  const directory = join(packages, folder)
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const tarball = () => {
    const path = tarballs.find((each) => basename(each) === `${name}-${manifest.version}.tgz`)
    return readFileSync(path as string)
  }
  const files = () =>
    execFileSync('tar', ['-tz'], { input: tarball(), encoding: 'utf8' })
      .trimEnd()
      .split('\n')
      .map((path) => path.replace('package/', ''))

  test('publint has nothing to say', async () => {
    const { buffer, byteOffset, byteLength } = tarball()
    const data = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
    const { messages } = await publint({ pack: { tarball: data }, strict: true })
    // The command begins with #!/bin/sh, and publint knows #!/usr/bin/env node alone.
    const found = messages.filter(({ code }) => code !== 'BIN_FILE_NOT_EXECUTABLE')
    expect(found.map((message) => formatMessage(message, manifest))).toEqual([])
  })

  test('TypeScript finds types in each kind of module', async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball()))
    const problems = 'problems' in result ? result.problems : ['no types']
    // The oldest resolution knows the main door alone, and the preload is for --import alone.
    const known = (problem: (typeof problems)[number]) =>
      typeof problem === 'object' &&
      ((problem.kind === 'NoResolution' &&
        problem.resolutionKind === 'node10' &&
        problem.entrypoint !== '.') ||
        (problem.kind === 'CJSResolvesToESM' && problem.entrypoint === './register'))
    expect(problems.filter((problem) => !known(problem))).toEqual([])
  })

  test.each(doors)('require and import get the same of %s', async (door) => {
    const script = `
      const required = require(process.argv[1])
      import(process.argv[2]).then((imported) => {
        const names = Object.keys(imported)
        console.log(JSON.stringify({ names, same: names.filter((name) => required[name] === imported[name]) }))
      })`
    const paths = [join(directory, 'cjs', `${door}.cjs`), join(directory, 'dist', `${door}.js`)]
    const { names, same }: Record<'names' | 'same', string[]> = JSON.parse(
      execFileSync(process.execPath, ['-e', script, ...paths], { encoding: 'utf8' }),
    )
    expect(same).toEqual(names)
    const types = readFileSync(join(directory, 'cjs', `${door}.d.cts`), 'utf8')
    const declared = [...types.matchAll(/^export declare const (\w+)/gm)].map(([, each]) => each)
    expect(declared.sort()).toEqual(names.filter((each) => each !== 'default').sort())
  })

  test('it has what a user needs, and nothing of the repository', () => {
    expect(files()).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json']))
    const strange = files().filter((path) =>
      /\.map$|\.tsbuildinfo$|test|^src\/|^build\//.test(path),
    )
    expect(strange).toEqual([])
    expect(manifest.scripts ?? {}, 'npm would run it at an install').not.toHaveProperty('install')
    expect(files(), 'package managers run node-gyp for it').not.toContain('binding.gyp')
  })

  test('the licence is that of the repository', () => {
    const own = readFileSync(join(directory, 'LICENSE'), 'utf8')
    expect(own).toBe(readFileSync(join(packages, '../LICENSE'), 'utf8'))
  })
})

test('npm publish needs the prebuilt core of every platform', () => {
  const missing = targets.filter((target) => problemOf(target) !== undefined)
  const { status, stderr } = spawnSync('npm', ['run', 'prepublishOnly'], {
    cwd: join(packages, 'handoff'),
    encoding: 'utf8',
  })
  expect(status).toBe(missing.length === 0 ? 0 : 1)
  for (const target of missing) expect(stderr).toContain(prebuildPath(target))
})
