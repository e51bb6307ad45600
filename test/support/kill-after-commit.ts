// Has the new process of a handoff die after its commit, under load.

import { rmSync, writeFileSync } from 'node:fs'
import type { Cut } from './load/whole-load.ts'
import type { WholeLoadClient } from './load/whole-load-client.ts'
import type { Output } from './output.ts'

/** A server under `handoff run`, with a fixture that fails where FAILURE_FILE says. */
export interface Replaceable {
  readonly output: Output
  reload(): Promise<unknown>
}

export interface Kill {
  failureFile: string
  /**
   * The new process stands still so many milliseconds after the commit, and reads no more: whatever
   * it is doing then, unless this is 0…
   */
  stopAfterMs: number
  /** …while clients go on for so long, and then it is killed. */
  holdMs: number
}

/**
 * Hands over, kills the new process, and resolves when the old one serves again.
 *
 * @returns what ended with killed processes since the load began.
 */
export async function killAfterCommit(
  server: Replaceable,
  load: WholeLoadClient,
  { failureFile, stopAfterMs, holdMs }: Kill,
): Promise<Cut> {
  // Nobody else is fast enough to stop it with connections on their way, and not acked.
  if (stopAfterMs === 0) writeFileSync(failureFile, 'stop serving')
  const from = server.output.lines.length
  await load.expectDeath()
  const reload = server.reload()
  try {
    const [, pid] = await server.output.waitFor(/^listening (\d+)/, { from })
    await load.kill(Number(pid), { stopAfterMs, holdMs })
    await server.output.waitFor(/taken back/, { from })
    return await load.settle()
  } finally {
    rmSync(failureFile, { force: true })
    await reload
  }
}
