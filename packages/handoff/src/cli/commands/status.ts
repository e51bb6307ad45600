// `handoff status`: which processes there are, and what they do.

import { setTimeout as delay } from 'node:timers/promises'
import { findRun } from '../client/find-run.ts'
import { columnsOf, fold } from '../text/fold.ts'
import { statusLines } from '../text/render.ts'
import { styleFor } from '../text/style.ts'

export interface StatusOptions {
  readonly json?: true
  readonly watch?: true
}

/**
 * A clock, no wait for news: uptimes, `ago` and the time to the next start change every second by
 * themselves, and the processes tell the supervisor of their connections as often. The supervisor
 * has the times, so it is asked anew; one of an older release could not stream them either.
 */
const intervalMs = 1_000

/** ED and CUP of ECMA-48: the screen is cleared, the cursor goes home. */
const clear = '\x1b[2J\x1b[H'

export async function status(name: string | undefined, options: StatusOptions): Promise<number> {
  const client = findRun(name)
  const style = styleFor(process.stdout)
  for (;;) {
    const current = await client.status()
    const text = options.json
      ? JSON.stringify(current)
      : statusLines(current, style, Date.now())
          .flatMap((line) => fold(line, columnsOf(process.stdout)))
          .join('\n')
    if (options.watch && !options.json && process.stdout.isTTY) process.stdout.write(clear)
    process.stdout.write(`${text}\n`)
    if (!options.watch) return 0
    await delay(intervalMs)
  }
}
