// `handoff reload`: replaces the server, and shows the events.

import { resolve } from 'node:path'
import { placesWithout } from '../../supervisor/control/listener-place.ts'
import { workingDirectory } from '../../supervisor/program/entry.ts'
import type { ProgramChange } from '../../supervisor/program/program.ts'
import type { Status } from '../../supervisor/registry/run-status.ts'
import { findRun } from '../client/find-run.ts'
import { printError } from '../client/print-error.ts'
import { reloadLine, reloadSummary } from '../text/render.ts'
import { styleFor } from '../text/style.ts'
import { columnsOf, wrap } from '../text/wrap.ts'

export interface ReloadOptions {
  readonly wait?: 'exit'
  readonly workers?: number
  readonly parallel?: true
  readonly json?: true
  readonly drop?: readonly string[]
  readonly entry?: string
  readonly cwd?: string
  readonly node?: string
}

/** @returns the exit code: 0 if the new generation serves, else 1. */
export async function reload(name: string | undefined, options: ReloadOptions): Promise<number> {
  const client = findRun(name)
  const style = styleFor(process.stdout)
  const { wait, workers, parallel, drop } = options
  if (drop !== undefined) warnOfUnknown(drop, await client.status())
  const wanted = { wait, workers, parallel, drop, change: changeOf(options) }
  for await (const line of client.reload(wanted)) {
    if (options.json) print(JSON.stringify(line))
    else if (line.type !== 'result') print(reloadLine(line, style))
    else if (line.ok) for (const text of reloadSummary(line, style)) print(text)
    else printError(line.message ?? '', line.code)
    if (line.type === 'result') return line.ok ? 0 : 1
  }
  return 1
}

/** It may be a typing error, or a child of the program may listen there. */
function warnOfUnknown(drop: readonly string[], { processes }: Status): void {
  const listeners = processes.flatMap((process) => process.listeners)
  for (const place of placesWithout(listeners, drop)) {
    printError(`--drop ${place}: no server of this run listens there, as far as is known`)
  }
}

/** Resolves paths from here, and no links: `current/server.js` follows the link at each start. */
function changeOf({ entry, cwd, node }: ReloadOptions): ProgramChange {
  const here = workingDirectory()
  return {
    ...(entry !== undefined && { entry: resolve(here, entry) }),
    ...(cwd !== undefined && { workingDirectory: resolve(here, cwd) }),
    ...(node !== undefined && { node: resolve(here, node) }),
  }
}

function print(text: string | undefined): void {
  if (text === undefined) return
  const lines = text.startsWith('{') ? [text] : wrap(text, columnsOf(process.stdout))
  process.stdout.write(`${lines.join('\n')}\n`)
}
