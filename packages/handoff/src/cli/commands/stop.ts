// `handoff stop`: lets every process drain, and returns when all have ended.

import { printable } from '../../protocol/printable.ts'
import { waitingText } from '../../supervisor/text/waiting-text.ts'
import type { Client } from '../client/client.ts'
import { findRun } from '../client/find-run.ts'
import { styleFor } from '../text/style.ts'

/** The supervisor prints the same at its own terminal. */
const waitingAfterMs = 2_000

export interface StopOptions {
  readonly json?: true
}

export async function stop(name: string | undefined, { json }: StopOptions): Promise<number> {
  const client = findRun(name)
  const stopped = client.stop()
  const timer = setTimeout(() => void printWaiting(client), waitingAfterMs)
  try {
    await stopped
  } finally {
    clearTimeout(timer)
  }
  const { name: run } = client
  const text = json
    ? JSON.stringify({ ok: true, name: run })
    : `${styleFor(process.stdout).tick}${printable(run)} has stopped`
  process.stdout.write(`${text}\n`)
  return 0
}

async function printWaiting(client: Client): Promise<void> {
  try {
    const { pid, processes } = await client.status()
    if (processes.length === 0) return
    const how = `SIGTERM twice to the supervisor (kill ${pid}) ends it now`
    process.stderr.write(`waiting for ${printable(waitingText(processes))}; ${how}\n`)
  } catch {
    // The run has ended meanwhile.
  }
}
