// A new process that is short of descriptors: prints how its handoff ended.
// It runs what was built. Loading the sources takes seconds on a busy machine, and longer on a new line of Node.js.

import { closeSync, openSync } from 'node:fs'
import { createHandoff } from 'socket-handoff'

/** Enough to meet the old process, and fewer than it sends. */
const left = 60

// Only now: loading the package takes descriptors, too.
const opened = []
try {
  for (;;) opened.push(openSync('/dev/null', 'r'))
} catch (error) {
  if (error.code !== 'EMFILE') throw error
}
for (const fd of opened.splice(-left)) closeSync(fd)

const [, , rendezvous = ''] = process.argv
try {
  await createHandoff({ rendezvousPath: rendezvous })
  console.log('{}')
} catch (error) {
  const { code, stage, serving } = error
  console.log(JSON.stringify({ code, stage, serving }))
}
