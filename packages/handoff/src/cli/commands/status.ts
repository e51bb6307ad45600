// `handoff status`: shows the processes of a run.

import { setTimeout as delay } from 'node:timers/promises'
import { findRun } from '../client/find-run.ts'
import { statusLines } from '../text/render.ts'
import { styleFor } from '../text/style.ts'
import { columnsOf, wrap } from '../text/wrap.ts'

export interface StatusOptions {
  readonly json?: true
  readonly watch?: true
}

/**
 * How often `--watch` asks the supervisor, in milliseconds. Uptimes and the time to the next start change
 * each second, and processes report their connections as often.
 */
const intervalMs = 1_000

/** ED and CUP of ECMA-48: clear the screen, move the cursor to its beginning. */
const clear = '\x1b[2J\x1b[H'

export async function status(name: string | undefined, options: StatusOptions): Promise<number> {
  const client = findRun(name)
  const style = styleFor(process.stdout)
  for (;;) {
    const current = await client.status()
    const text = options.json
      ? JSON.stringify(current)
      : statusLines(current, style, Date.now())
          .flatMap((line) => wrap(line, columnsOf(process.stdout)))
          .join('\n')
    if (options.watch && !options.json && process.stdout.isTTY) process.stdout.write(clear)
    process.stdout.write(`${text}\n`)
    if (!options.watch) return 0
    await delay(intervalMs)
  }
}
