// A new process that is short of descriptors: says how its handoff ended.

import { closeSync, openSync } from 'node:fs'
import { createHandoff } from '../../../packages/handoff/src/index.ts'

/** Enough to meet the old process, and fewer than it sends. */
const left = 60

// Only now, since loading the sources takes more on some lines of Node.js.
const opened: number[] = []
try {
  for (;;) opened.push(openSync('/dev/null', 'r'))
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
}
for (const fd of opened.splice(-left)) closeSync(fd)

const [, , rendezvous = ''] = process.argv
try {
  await createHandoff({ rendezvousPath: rendezvous })
  console.log('{}')
} catch (error) {
  const { code, stage, serving } = error as { code?: string; stage?: string; serving?: string }
  console.log(JSON.stringify({ code, stage, serving }))
}
