// Reloads a run when Kubernetes has changed the files of a mounted ConfigMap or Secret:
//
//   node reload-on-change.mjs DIRECTORY NAME
//
// Kubernetes writes the files to a new directory and renames the link `..data` to it, so that all
// files change together. A mount with `subPath` is never updated.

import { execFile } from 'node:child_process'
import { watch } from 'node:fs'

const [directory, name] = process.argv.slice(2)
const pauseMs = 500
let reloading = false
let again = false

/** One at a time. A reload that fails says why, and the old generation serves on. */
function reload() {
  if (reloading) {
    again = true
    return
  }
  reloading = true
  execFile('node_modules/.bin/handoff', ['reload', name], (_error, stdout, stderr) => {
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    reloading = false
    // The start under way may have read the files before they changed.
    const busy = stderr.includes('[ERR_HANDOFF_BUSY]')
    if (again || busy) setTimeout(reload, busy ? pauseMs : 0)
    again = false
  })
}

watch(directory, (_, file) => {
  if (file === '..data') reload()
})
console.log(`watching ${directory}`)

// The kernel gives PID 1 no default action for a signal: without this handler it runs until SIGKILL.
process.once('SIGTERM', () => process.exit(0))
