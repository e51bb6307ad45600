#!/bin/sh
':' //; case ${NODE_OPTIONS-} in ''|*.pnp.*) ;; *) export HANDOFF_NODE_OPTIONS="$NODE_OPTIONS"; unset NODE_OPTIONS ;; esac; exec node "$0" "$@"

// The command `handoff`. It is a file of its own because npm links only what exists at install.
// The line above is for sh: NODE_OPTIONS is the program's. What it preloads must not run here, where
// an exporter of metrics would find its port taken by the server. Node.js reads a string there.

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
