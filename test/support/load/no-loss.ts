// The promise: handoffs back to back under everything that clients do, and nothing is lost.

import { expect } from 'vitest'
import type { Run } from '../run.ts'
import { everything, Load, type LoadOptions } from './load.ts'

/** Hands a server over so many times; each generation has answered, and every kind of client asked. */
export async function expectNoLoss(
  run: Run,
  handoffs: number,
  options?: LoadOptions,
): Promise<void> {
  const load = new Load(run.target, everything, options)

  for (let i = 1; i <= handoffs; i++) {
    await load.answeredBy(i)
    await run.reloadWell()
  }
  await load.answeredBy(handoffs + 1)

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  for (const kind of Object.keys(everything)) expect(tally.count(kind), kind).toBeGreaterThan(0)
  expect(tally.pids.size).toBe(handoffs + 1)
}
