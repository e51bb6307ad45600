// The reports of a new process, compared with the old one before its commit.

import { expect, test } from 'vitest'
import { PaceJudge } from '../../../packages/handoff/src/old/drain/pace-judge.ts'

const report = (meanMs: number) => ({ meanMs, mostMs: meanMs * 4 })

/** What counts after each report. */
function judge(means: readonly number[], before?: number, own?: number) {
  const judge = new PaceJudge(before === undefined ? undefined : report(before))
  return means.map((mean) => {
    judge.take(report(mean), own === undefined ? undefined : report(own))
    return { isQuick: judge.isQuick, mayWiden: judge.mayWiden }
  })
}

const quick = (...args: Parameters<typeof judge>) => judge(...args).map(({ isQuick }) => isQuick)
const wider = (...args: Parameters<typeof judge>) => judge(...args).map(({ mayWiden }) => mayWiden)

test('five good reports in a row are quick', () => {
  expect(quick([1, 1, 1, 1, 1, 1])).toEqual([false, false, false, false, true, true])
})

test('a bad report begins the count anew', () => {
  const after = quick([1, 1, 1, 1, 9, 1, 1, 1, 1, 1, 9])
  expect(after.map((isQuick, index) => (isQuick ? index : -1)).filter((at) => at >= 0)).toEqual([9])
})

test.each([
  ['an old process without a delay', 0, undefined, 1.5],
  ['one that was not measured', undefined, undefined, 1.5],
  ['one with a small delay', 1, 1, 1.5],
  ['one that was late while it served alone', 20, 0, 30],
  ['one that is late now: the machine is busy', 2, 20, 30],
])('of %s, the limit is known', (_, before, own, limit) => {
  const four = [limit, limit, limit, limit]
  expect(quick([...four, limit], before, own).at(-1)).toBe(true)
  expect(quick([...four, limit + 0.001], before, own).at(-1)).toBe(false)
})

test('more connections go over if twice the delay would be good', () => {
  expect(wider([0.7, 0.8, 9, 0.7])).toEqual([true, false, false, true])
})

test('more connections go over after five good reports, too', () => {
  const after = wider([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
  expect(after.map((mayWiden, index) => (mayWiden ? index : -1)).filter((at) => at >= 0)).toEqual([
    4, 9,
  ])
})
