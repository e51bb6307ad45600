// Tests the native core without Node, with the address and undefined-behaviour sanitizers watching.
// Usage: node scripts/test-native.mjs [--no-sanitizers] [part of a test's name]

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const output = join(root, 'build', 'test-native')
const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const sanitizers = args.includes('--no-sanitizers')
  ? []
  : ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']

// native/binding/ belongs to Node; everything else must link without it.
const sourcesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(folder, name))
const sources = [...sourcesIn('native'), ...sourcesIn('native/test')]

function run(command, commandArgs) {
  const { status, error, signal } = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`cannot run ${command}: ${error.message}`)
  if (signal) console.error(`${command} was ended by ${signal}`)
  if (status !== 0) process.exit(status ?? 1)
}

mkdirSync(join(root, 'build'), { recursive: true })
run(process.env.CXX ?? 'c++', [
  '-std=c++17',
  '-g',
  '-O1',
  '-fno-exceptions',
  '-fno-rtti',
  '-Wall',
  '-Wextra',
  '-Werror',
  ...sanitizers,
  ...sources,
  '-o',
  output,
])
run(output, names)
