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

test('three good reports in a row are quick', () => {
  expect(quick([1, 1, 1, 1])).toEqual([false, false, true, true])
})

test('a bad report begins the count anew', () => {
  expect(quick([1, 1, 9, 1, 1, 1, 9])).toEqual([false, false, false, false, false, true, false])
})

test.each([
  ['an old process without a delay', 0, undefined, 3],
  ['one that was not measured', undefined, undefined, 3],
  ['one with a small delay', 1, 1, 3],
  ['one that was late while it served alone', 20, 0, 30],
  ['one that is late now: the machine is busy', 2, 20, 30],
])('of %s, the limit is known', (_, before, own, limit) => {
  expect(quick([limit, limit, limit], before, own)).toEqual([false, false, true])
  expect(quick([limit, limit, limit + 0.001], before, own)).toEqual([false, false, false])
})

test('more connections go over if twice the delay would be good', () => {
  expect(wider([1.5, 1.6, 9, 1.5])).toEqual([true, false, false, true])
})

test('more connections go over after three good reports, too', () => {
  expect(wider([2, 2, 2, 2, 2, 2])).toEqual([false, false, true, false, false, true])
})
