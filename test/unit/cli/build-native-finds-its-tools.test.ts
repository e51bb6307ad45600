import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import {
  findNodeGyp,
  headerFlags,
  missingTools,
} from '../../../packages/handoff/src/cli/native/node-gyp.ts'
import { scratchDirectory } from '../../support/scratch.ts'

function writeFile(path: string, text = ''): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const script = 'node_modules/node-gyp/bin/node-gyp.js'

test('the node-gyp that npm names comes first, then that of the project', () => {
  const project = scratchDirectory()
  const own = writeFile(join(project, script))
  const named = writeFile(join(scratchDirectory(), 'node-gyp.js'))
  expect(findNodeGyp([project], { npm_config_node_gyp: named })).toBe(named)
  expect(findNodeGyp([project], { npm_config_node_gyp: `${named}.absent` })).toBe(own)
  expect(findNodeGyp([project], {})).toBe(own)
})

test('without one in the project, that of the npm in PATH is found through its link', () => {
  const prefix = scratchDirectory()
  const npm = join(prefix, 'lib/node_modules/npm')
  const brought = writeFile(join(npm, script))
  writeFile(join(npm, 'bin/npm-cli.js'))
  mkdirSync(join(prefix, 'bin'))
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm'))
  const found = findNodeGyp([scratchDirectory()], { PATH: `/nowhere:${join(prefix, 'bin')}` })
  // The npm beside the Node.js that runs this is asked before.
  expect([brought, expect.stringContaining('lib/node_modules/npm')]).toContainEqual(found)
})

/** An installation of Node.js with the headers of a version. */
function installation(version: string): string {
  const prefix = scratchDirectory()
  const parts = version.split('.')
  const text = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part, i) => `#define NODE_${part}_VERSION ${parts[i]}\n`,
  )
  writeFile(join(prefix, 'include/node/node_version.h'), text.join(''))
  return writeFile(join(prefix, 'bin/node'))
}

test('the headers of this Node.js are used if they are installed with it', () => {
  const executable = installation('22.1.0')
  const prefix = dirname(dirname(executable))
  expect(headerFlags(executable, '22.1.0', {})).toEqual([`--nodedir=${prefix}`])
  expect(headerFlags(executable, '22.2.0', {}), 'of another version').toEqual([])
  expect(headerFlags(writeFile(join(scratchDirectory(), 'bin/node')), '22.1.0', {})).toEqual([])
  expect(headerFlags(executable, '22.1.0', { npm_config_nodedir: '/usr' })).toEqual([])
})

test('what a build needs is named', () => {
  expect(missingTools({ PATH: scratchDirectory() })).toEqual(['a C++ compiler', 'make', 'Python 3'])
})
