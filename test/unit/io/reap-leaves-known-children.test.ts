import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reapOrphans } from '../../../packages/handoff/src/io/system/reap-orphans.ts'
import { hasProc } from '../../support/process-facts.ts'

// To libuv every child of these tests is known; one that we do not name is an orphan to us. The
// event loop must not turn before reapOrphans has seen it: hence the spinning.

/** Starts a shell that ends in this way, and returns when it has. */
function ended(script: string): ChildProcess & { pid: number } {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore' })
  const { pid } = child
  if (pid === undefined) throw new Error('sh did not start')
  const state = () => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  for (const endsAt = performance.now() + 5_000; state() !== 'Z'; ) {
    if (performance.now() > endsAt) throw new Error(`sh -c '${script}' did not end`)
  }
  return Object.assign(child, { pid })
}

test.runIf(hasProc)('orphans are waited for, with their exit code or signal', () => {
  const exited = ended('exit 7')
  expect(reapOrphans([])).toEqual([{ pid: exited.pid, status: 7 }])
  const killed = ended('kill -9 $$')
  expect(reapOrphans([process.pid])).toEqual([{ pid: killed.pid, status: 128 + 9 }])
  expect(reapOrphans([])).toEqual([])
  exited.unref()
  killed.unref()
})

test.runIf(hasProc)('known children are left to libuv, which reports their exit', async () => {
  const child = ended('exit 3')
  expect(reapOrphans([child.pid])).toEqual([])
  expect(await once(child, 'exit')).toEqual([3, null])
})

test('without children there is nothing to do', () => {
  expect(reapOrphans([])).toEqual([])
})
