// A new process that is short of descriptors: says how its handoff ended.

import { createHandoff } from '../../packages/handoff/src/index.ts'

const [, , rendezvous = ''] = process.argv
try {
  await createHandoff({ rendezvous })
  console.log('{}')
} catch (error) {
  const { code, stage, serving } = error as { code?: string; stage?: string; serving?: string }
  console.log(JSON.stringify({ code, stage, serving }))
}
