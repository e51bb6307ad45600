import { expect, test } from 'vitest'
import { afterCrash, noCrash } from '../../../../packages/handoff/src/supervisor/worker/backoff.ts'

function delays(servedMs: readonly number[]): number[] {
  let backoff = noCrash
  return servedMs.map((ms) => {
    backoff = afterCrash(backoff, ms)
    return backoff.delayMs
  })
}

test('the pause doubles from 100 ms to half a minute', () => {
  expect(delays(new Array(12).fill(0))).toEqual([
    100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000,
  ])
})

test('a minute of service makes the next crash a first one', () => {
  expect(delays([0, 0, 59_999, 60_000, 0])).toEqual([100, 200, 400, 100, 200])
})
