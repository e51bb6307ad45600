// What clients that connect anew for each request may lose by the death of a process.

import { expect } from 'vitest'
import type { Tally } from './tally.ts'

/** Fails the test unless nobody was refused, and nothing failed but what a dead process had accepted. */
export function expectOnlyCut(tally: Tally, most: number): void {
  const cut = tally.count('newConnection', 'reset') + tally.count('newConnection', 'truncated')
  expect(tally.count('newConnection', 'refused'), `${tally}`).toBe(0)
  expect(tally.failed, `${tally}`).toBe(cut)
  expect(cut, `${tally}`).toBeLessThanOrEqual(most)
}
