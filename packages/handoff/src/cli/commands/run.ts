// `handoff run`: supervises one server in the foreground.

import { printable } from '../../protocol/printable.ts'
import { readCommand } from '../../supervisor/program/command-words.ts'
import { findEntry, nameOf, workingDirectory } from '../../supervisor/program/entry.ts'
import { run as supervise } from '../../supervisor/run.ts'
import type { Announcement } from '../../supervisor/text/announce.ts'
import { defaultMaxGenerations } from '../../supervisor/worker/generation-limit.ts'
import { Log } from '../text/log.ts'
import { styleFor } from '../text/style.ts'

export interface RunOptions {
  readonly name?: string
  readonly watch?: true
  readonly watchIgnore?: readonly string[]
  readonly workers?: number
  readonly parallel?: true
  readonly readyTimeout?: number
  readonly drainTimeout?: number
  readonly probation?: number
  readonly watchdog?: number
  readonly maxGenerations?: number
  /** Flags of node for the program. */
  readonly nodeFlag?: readonly string[]
  /** Options of ours that came after the entry. */
  readonly misplaced: readonly string[]
}

/**
 * How long a new process may say nothing in its probation while sources are watched, in milliseconds: its first
 * request often compiles, and no clients wait but the developer.
 */
const watchSilenceMs = 15_000

/** @returns the exit code of the run. */
export async function run(first: string, rest: string[], options: RunOptions): Promise<number> {
  const cwd = workingDirectory()
  const { entry, args, flags, readFrom } = readCommand([first, ...rest], cwd)
  if (readFrom !== undefined) announce({ tone: 'info', text: readFrom })
  warnOfMisplaced(options.misplaced, [first, ...rest])
  const {
    name = nameOf(findEntry(entry, cwd)),
    readyTimeout,
    drainTimeout,
    probation,
    watchdog,
  } = options
  return supervise({
    name,
    program: {
      entry,
      args,
      flags: [...(options.nodeFlag ?? []), ...flags],
      workingDirectory: cwd,
      node: process.execPath,
    },
    timeouts: {
      ...(readyTimeout !== undefined && { readyTimeoutMs: readyTimeout }),
      ...(drainTimeout !== undefined && { drainTimeoutMs: drainTimeout }),
      ...(probation !== undefined && { probationMs: probation }),
      ...(watchdog !== undefined && { watchdogMs: watchdog }),
      ...(options.watch && { silenceMs: watchSilenceMs }),
    },
    workers: options.workers ?? 1,
    parallel: options.parallel ?? false,
    watch: options.watch ?? false,
    maxGenerations: options.maxGenerations ?? defaultMaxGenerations,
    watchIgnore: options.watchIgnore ?? [],
    announce,
  })
}

/** What comes after the entry is the program's, and may well be meant so. */
function warnOfMisplaced(options: readonly string[], words: readonly string[]): void {
  if (options.length === 0) return
  const names = options.join(', ')
  const [entry = ''] = words
  const text = `${names} after ${entry} goes to the program; for handoff, write it before ${entry}`
  announce({ tone: 'bad', text })
}

/** On stderr: stdout is the server's, and may well be a stream of JSON. */
const log = new Log(
  { write: (text, done) => process.stderr.write(text, done) },
  () => `${styleFor(process.stderr).dim('handoff:')} `,
)

export function announce({ tone, text }: Announcement): void {
  const style = styleFor(process.stderr)
  const mark = tone === 'good' ? style.tick : tone === 'bad' ? style.cross : ''
  log.write(`${style.dim('handoff:')} ${mark}${printable(text)}`)
}
