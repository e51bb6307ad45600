// `handoff reload`: replaces the server, and shows how.

import { resolve } from 'node:path'
import { workingDirectory } from '../supervisor/entry.ts'
import type { ProgramChange } from '../supervisor/program.ts'
import { printError } from './fail.ts'
import { findRun } from './find-run.ts'
import { reloadLine, reloadSummary } from './render.ts'
import { styleFor } from './style.ts'

export interface ReloadOptions {
  readonly wait?: 'exit'
  readonly json?: true
  readonly entry?: string
  readonly cwd?: string
  readonly node?: string
}

/** @returns the exit code: 0 when the new generation serves, 1 when it does not. */
export async function reload(name: string | undefined, options: ReloadOptions): Promise<number> {
  const client = await findRun(name)
  const style = styleFor(process.stdout)
  for await (const line of client.reload(options.wait, changeOf(options))) {
    if (options.json) print(JSON.stringify(line))
    else if (line.type !== 'result') print(reloadLine(line, style))
    else if (line.ok) print(reloadSummary(line, style))
    else printError(line.message ?? '', line.code)
    if (line.type === 'result') return line.ok ? 0 : 1
  }
  return 1
}

/** Paths are meant from here, links as they are: `current/server.js` follows the link each time. */
function changeOf({ entry, cwd, node }: ReloadOptions): ProgramChange {
  const here = workingDirectory()
  return {
    ...(entry !== undefined && { entry: resolve(here, entry) }),
    ...(cwd !== undefined && { workingDirectory: resolve(here, cwd) }),
    ...(node !== undefined && { node: resolve(here, node) }),
  }
}

function print(text: string | undefined): void {
  if (text !== undefined) process.stdout.write(`${text}\n`)
}
