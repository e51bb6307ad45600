#!/usr/bin/env node
// The command `handoff`. It is a file of its own because npm links only what exists at install.

import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)

if (existsSync(main)) {
  await import(main.href)
} else {
  process.stderr.write(
    'handoff: it is not built yet. Run `npm run build` in the root of the repository.\n',
  )
  process.exitCode = 1
}
