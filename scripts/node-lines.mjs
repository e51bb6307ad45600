// Runs the tests that carry the promise under each supported line of Node.js: the one that runs
// this, and 22, 24 and 26 from npm. Arguments name lines: `node scripts/node-lines.mjs 22 26`.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const own = process.versions.node.split('.')[0]
const named = process.argv.slice(2)
const lines = named.length > 0 ? named : [...new Set([own, '22', '24', '26'])]

/** Outside of the repository: these are no dependencies of it. */
const cache = process.env.HANDOFF_NODE_LINES ?? join(tmpdir(), 'socket-handoff-node-lines')

const runs = [
  ['--project', 'stage'],
  [
    '--project',
    'e2e',
    'test/e2e/faults/servers-run-on-this-node.test.ts',
    'test/e2e/preload/programs-notice-nothing.test.ts',
    'test/e2e/packages/installs-from-npm-without-a-compiler.test.ts',
    'test/e2e/clients/drops-no-request.test.ts',
    'test/e2e/clients/websockets-outlive-the-process.test.ts',
    'test/e2e/clients/nobody-loses-anything-to-handoffs.test.ts',
    'test/e2e/clients/killed-after-commit-loses-only-its-own.test.ts',
    'test/e2e/clients/tls-loses-nothing-to-handoffs.test.ts',
    'test/e2e/tls',
  ],
]

/** The executable of a line; npm has each as a package of its own for every platform. */
function nodeOf(line) {
  if (line === own) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const directory = join(cache, line)
  const executable = join(directory, 'node_modules', name, 'bin/node')
  if (existsSync(executable)) return executable
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['install', ...flags, `${name}@${line}`], {
    cwd: directory,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`npm could not install ${name}@${line}`)
  return executable
}

/** Vitest and the servers that it starts run on this executable, and so does any `node` they look up. */
function test(node) {
  const path = `${dirname(node)}${delimiter}${process.env.PATH}`
  return runs.map((args) => {
    const { status } = spawnSync(node, [vitest, 'run', ...args], {
      cwd: root,
      env: { ...process.env, PATH: path },
      stdio: 'inherit',
    })
    return status === 0
  })
}

function version(node) {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
}

const results = lines.map((line) => {
  try {
    const node = nodeOf(line)
    const passed = test(node)
    const words = runs.map(([, project], i) => `${project} ${passed[i] ? 'passed' : 'FAILED'}`)
    return { ok: passed.every(Boolean), text: `Node ${version(node)}: ${words.join(', ')}` }
  } catch (error) {
    return { ok: false, text: `Node ${line}: FAILED, ${error.message}` }
  }
})

for (const { text } of results) console.log(text)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
