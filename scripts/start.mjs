// `npm start`: sets up, then replaces the example server under load.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

setupOrExit()
run(['--import', 'tsx', 'examples/hot-reload/demo.ts', ...process.argv.slice(2)])

/** The demo is the process that Ctrl-C is for; this one only ends as it ends. */
function run(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal]
  })
}
