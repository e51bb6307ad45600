// The process of the clients: it shares neither event loop nor memory with the test or the server.

import type { Target } from './send.ts'
import { WholeLoad, type WholeOptions } from './whole-load.ts'

/** What the process can be asked for, with the arguments and the result of each. */
export interface Requests {
  start(target: Target, options: WholeOptions): Promise<void>
  more(answers: number): Promise<void>
  expectDeath(): void
  kill(pid: number, times: { stopAfterMs: number; holdMs: number }): Promise<void>
  settle(): ReturnType<WholeLoad['settle']>
  stop(): ReturnType<WholeLoad['stop']>
}

export interface Call {
  id: number
  name: keyof Requests
  args: unknown[]
}

export type Result = { id: number; value: unknown } | { id: number; error: string }

let load: WholeLoad | undefined

function running(): WholeLoad {
  if (load === undefined) throw new Error('the load was not started')
  return load
}

const requests: Requests = {
  start: async (target, options) => {
    load = await WholeLoad.start(target, options)
  },
  more: (answers) => running().more(answers),
  expectDeath: () => running().death.expect(),
  kill: (pid, times) => running().death.kill(pid, times),
  settle: () => running().settle(),
  stop: () => running().stop(),
}

process.on('message', async ({ id, name, args }: Call) => {
  const answer = (result: Result) => process.send?.(result)
  try {
    const request = requests[name] as (...args: unknown[]) => unknown
    answer({ id, value: await request(...args) })
  } catch (error) {
    answer({ id, error: String(error) })
  }
})
// Whoever asked is gone: no load without a judge.
process.on('disconnect', () => process.exit(1))
