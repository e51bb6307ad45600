// `handoff run`: supervises one server in the foreground.

import { printable } from '../protocol/printable.ts'
import type { Line } from '../supervisor/announce.ts'
import { findEntry, nameOf, workingDirectory } from '../supervisor/entry.ts'
import { run as supervise } from '../supervisor/run.ts'
import { styleFor } from './style.ts'

export interface RunOptions {
  readonly name?: string
  readonly watch?: true
  readonly workers?: number
  readonly parallel?: true
  readonly readyTimeout?: number
  readonly drainTimeout?: number
  readonly probation?: number
  readonly watchdog?: number
}

/** @returns the exit code of the run. */
export async function run(entry: string, args: string[], options: RunOptions): Promise<number> {
  const cwd = workingDirectory()
  const {
    name = nameOf(findEntry(entry, cwd).path),
    readyTimeout,
    drainTimeout,
    probation,
    watchdog,
  } = options
  return supervise({
    name,
    program: { entry, args, workingDirectory: cwd, node: process.execPath },
    timeouts: {
      ...(readyTimeout !== undefined && { readyTimeoutMs: readyTimeout }),
      ...(drainTimeout !== undefined && { drainTimeoutMs: drainTimeout }),
      ...(probation !== undefined && { probationMs: probation }),
      ...(watchdog !== undefined && { watchdogMs: watchdog }),
    },
    workers: options.workers ?? 1,
    parallel: options.parallel ?? false,
    watch: options.watch ?? false,
    announce,
  })
}

/** On stderr: stdout is the server's, and may well be a stream of JSON. */
export function announce({ tone, text }: Line): void {
  const style = styleFor(process.stderr)
  const mark = tone === 'good' ? style.tick : tone === 'bad' ? style.cross : ''
  process.stderr.write(`${style.dim('handoff:')} ${mark}${printable(text)}\n`)
}
