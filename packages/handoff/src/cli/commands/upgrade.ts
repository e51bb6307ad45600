// `handoff upgrade`: replaces the supervisor by the release of this command.

import { resolve } from 'node:path'
import { printable } from '../../protocol/printable.ts'
import { findRun } from '../client/find-run.ts'
import { styleFor } from '../text/style.ts'

export interface UpgradeOptions {
  readonly json?: true
}

export async function upgrade(name: string | undefined, { json }: UpgradeOptions): Promise<number> {
  const client = findRun(name)
  const before = await client.status()
  // Not resolved: a symbolic link may lead to the next release later.
  const command = resolve(process.argv[1] ?? '')
  const { pid, release } = await client.upgrade({ command, node: process.execPath })
  if (json) {
    const result = { ok: true, name: client.name, pid, release, replaces: before.release }
    process.stdout.write(`${JSON.stringify(result)}\n`)
    return 0
  }
  const instead = before.release === null ? '' : `, in place of ${before.release}`
  const style = styleFor(process.stdout)
  const line = `the supervisor of ${client.name} (pid ${pid}) is release ${release}${instead}`
  process.stdout.write(`${style.tick}${printable(line)}\n`)
  return 0
}
