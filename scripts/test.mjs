// `npm test`: sets up, then runs every test. Arguments go to vitest.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)

setupOrExit()

/** A whole run: types, formatting and lint, unused code, the native core under sanitizers, then all tests. */
const steps =
  args.length > 0
    ? [['vitest/vitest.mjs', 'run', ...args]]
    : [
        ['../scripts/build.mjs'],
        ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
        ['knip/bin/knip.js'],
        ['../scripts/test-native.mjs'],
        ['vitest/vitest.mjs', 'run'],
      ]

let status = 0
for (const [script, ...rest] of steps) {
  const command = [join(root, 'node_modules', script), ...rest]
  const result = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  if (result.status !== 0) status = 1
}
process.exitCode = status
