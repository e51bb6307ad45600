// `handoff run`: supervises a server in the foreground.

import { printable } from '../../protocol/printable.ts'
import { readCommand } from '../../supervisor/program/command-words.ts'
import { findEntry, nameOf, workingDirectory } from '../../supervisor/program/entry.ts'
import { supervise } from '../../supervisor/supervise.ts'
import type { Announcement } from '../../supervisor/text/announcements.ts'
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
  readonly ramp?: number
  readonly tls?: 'move' | 'close'
  readonly standby?: true
  readonly watchdog?: number
  readonly maxGenerations?: number
  /** Flags of node for the program. */
  readonly nodeFlag?: readonly string[]
  /** Options of `handoff run` after the entry. */
  readonly misplaced: readonly string[]
}

/**
 * How long a new process may report nothing in its probation with `--watch`, in milliseconds: the first request
 * often compiles, and only the developer waits.
 */
const watchSilenceMs = 15_000

/** How long after a start the next process is started ahead with `--watch`, in milliseconds: an edit comes soon. */
const watchAheadMs = 200
/** The same with `--standby`: clients should not notice two starts in a row. */
const aheadMs = 3_000

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
    // An edit must show at the next request.
    ramp = options.watch ? 0 : undefined,
    tls,
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
      ...(ramp !== undefined && { rampMs: ramp }),
      ...(tls !== undefined && { tls }),
      ...(watchdog !== undefined && { watchdogMs: watchdog }),
      ...(options.watch && { silenceMs: watchSilenceMs }),
    },
    workers: options.workers ?? 1,
    parallel: options.parallel ?? false,
    watch: options.watch ?? false,
    aheadMs: options.watch ? watchAheadMs : options.standby && aheadMs,
    maxGenerations: options.maxGenerations ?? defaultMaxGenerations,
    watchIgnore: options.watchIgnore ?? [],
    announce,
  })
}

/** Options after the entry go to the program, which may be a mistake. */
function warnOfMisplaced(options: readonly string[], words: readonly string[]): void {
  if (options.length === 0) return
  const names = options.join(', ')
  const [entry = ''] = words
  const text = `${names} after ${entry} is passed to the program; to pass it to handoff, write it before ${entry}`
  announce({ tone: 'bad', text })
}

/** Writes to stderr: stdout belongs to the server, and may be a stream of JSON. */
const log = new Log(
  { write: (text, done) => process.stderr.write(text, done) },
  () => `${styleFor(process.stderr).dim('handoff:')} `,
)

export function announce({ tone, text }: Announcement): void {
  const style = styleFor(process.stderr)
  const mark = tone === 'good' ? style.tick : tone === 'bad' ? style.cross : ''
  log.write(`${style.dim('handoff:')} ${mark}${printable(text)}`)
}
