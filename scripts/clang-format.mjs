// Formats native/ by .clang-format. Usage: node scripts/clang-format.mjs [--check]

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i']
const files = readdirSync(`${root}/native`, { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => `native/${name}`)

const { status, error } = spawnSync('clang-format', [...mode, ...files], {
  cwd: root,
  stdio: 'inherit',
})
if (error?.code === 'ENOENT') console.warn('clang-format is not installed: native/ is as it was')
else if (error) throw error
else process.exitCode = status ?? 1
