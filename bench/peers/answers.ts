// Waits for answers of a server, and for those of another process of it.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { send } from '../../test/support/load/send.ts'
import { until } from '../../test/support/until.ts'

const DEADLINE_MS = 60_000
const AGAIN_MS = 100

/** Where a server answers: at a port, or by HTTPS with this certificate. */
export type Place = number | { readonly port: number; readonly ca: Buffer }

/** Resolves with the process that answers at a port (its `x-pid` header), once one does. */
export function answers(place: Place, deadlineMs = 20_000): Promise<string> {
  return until('an answer of the server', () => answeredBy(place), deadlineMs)
}

/** Triggers, and resolves when a process answers that is not the one that answered before. */
export async function untilReplaced(port: number, trigger: () => unknown): Promise<void> {
  const before = await answers(port)
  await trigger()
  await until(
    `an answer of the next generation at port ${port}`,
    async () => (await answers(port)) !== before,
    DEADLINE_MS,
  )
}

/** As {@link untilReplaced}, with a peer that refuses a reload for some time after the last one. */
export async function untilTakenAndReplaced(port: number, trigger: () => unknown): Promise<void> {
  const before = await answers(port)
  const endsAt = performance.now() + DEADLINE_MS
  while ((await answers(port)) === before) {
    if (performance.now() > endsAt) throw new Error(`cannot reload the server at port ${port}`)
    await trigger()
    await pause(AGAIN_MS)
  }
}

/** Sends a signal to a child and resolves when it has exited. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function answeredBy(place: Place): Promise<string | false> {
  const target = typeof place === 'number' ? { port: place } : place
  const { kind, pid } = await send(target, { path: '/', deadlineMs: 5_000 })
  return kind === 'ok' && pid !== undefined ? pid : false
}
