// `handoff upgrade`: the supervisor becomes the release that this command is of.

import { resolve } from 'node:path'
import { printable } from '../protocol/printable.ts'
import { findRun } from './find-run.ts'
import { styleFor } from './style.ts'

export async function upgrade(name: string | undefined): Promise<number> {
  const client = findRun(name)
  const before = await client.status()
  // As it was called: a symbolic link may lead to the next release some day.
  const command = resolve(process.argv[1] ?? '')
  const { pid, release } = await client.upgrade({ command, node: process.execPath })
  const instead = before.release === null ? '' : `, in place of ${before.release}`
  const style = styleFor(process.stdout)
  const line = `the supervisor of ${client.name} (pid ${pid}) is release ${release}${instead}`
  process.stdout.write(`${style.tick}${printable(line)}\n`)
  return 0
}
