// `handoff stop`: lets every process finish its work, and returns when all have gone.

import { printable } from '../protocol/printable.ts'
import { findRun } from './find-run.ts'
import { styleFor } from './style.ts'

export async function stop(name: string | undefined): Promise<number> {
  const client = findRun(name)
  await client.stop()
  process.stdout.write(`${styleFor(process.stdout).tick}${printable(client.name)} has stopped\n`)
  return 0
}
