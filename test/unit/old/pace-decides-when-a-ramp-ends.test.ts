// The reports of a new process, compared with the old one before its commit.

import { expect, test } from 'vitest'
import { PaceJudge } from '../../../packages/handoff/src/old/drain/pace-judge.ts'

const report = (meanMs: number) => ({ meanMs, mostMs: meanMs * 4 })

/** Whether the new process is quick, after each report. */
function quick(means: readonly number[], before?: number, own?: number) {
  const judge = new PaceJudge(before === undefined ? undefined : report(before))
  return means.map((mean) => {
    judge.take(report(mean), own === undefined ? undefined : report(own))
    return judge.isQuick
  })
}

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

/** After which reports more connections go over, each time as soon as they may. */
function steps(means: readonly number[]): number[] {
  const judge = new PaceJudge()
  return means.flatMap((mean, index) => {
    judge.take(report(mean))
    if (!judge.mayWiden) return []
    judge.beginStep()
    return [index]
  })
}

test('more connections go over with each fourth report, if twice the delay would be good', () => {
  expect(steps(Array.from({ length: 12 }, () => 0.7))).toEqual([3, 7, 11])
})

test('more connections go over after five good reports in a row, too', () => {
  expect(steps(Array.from({ length: 15 }, () => 1))).toEqual([4, 9, 14])
})

test('good reports from before a step do not count', () => {
  const judge = new PaceJudge()
  for (let i = 0; i < 9; i++) judge.take(report(0.7))
  judge.beginStep()
  expect(judge.isQuick).toBe(false)
  for (let i = 0; i < 4; i++) judge.take(report(1))
  expect(judge).toMatchObject({ isQuick: false, mayWiden: false })
  judge.take(report(1))
  expect(judge).toMatchObject({ isQuick: true, mayWiden: true })
})

test('a step lasts until a report is good enough', () => {
  expect(steps([0.7, 9, 0.7, 1, 1, 0.7, 9, 9, 9, 9, 0.7])).toEqual([5, 10])
  expect(steps([9, 9, 9, 9, 9, 1, 1, 1, 1, 1])).toEqual([9])
})
