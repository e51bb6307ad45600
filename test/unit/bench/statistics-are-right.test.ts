// Percentiles, windows and steps of the benchmarks.

import { expect, test } from 'vitest'
import {
  isWithin,
  largest,
  largestInSteps,
  median,
  medianInterval,
  percentile,
  summarize,
} from '../../../bench/core/statistics.ts'

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

test.each([
  [0, 1],
  [50, 50],
  [99, 99],
  [99.5, 100],
  [100, 100],
])('percentile %d of 1 to 100 is %d', (percent, expected) => {
  expect(percentile(hundred, percent)).toBe(expected)
})

test('a percentile of nothing is NaN, and the values stay in their order', () => {
  const values = [3, 1, 2]
  expect(percentile([], 99)).toBeNaN()
  expect([median(values), largest(values)]).toEqual([2, 3])
  expect(values).toEqual([3, 1, 2])
})

test('a figure of several runs is their median, sum or largest', () => {
  const values = [1, 5, 3]
  expect(summarize(values, 'median')).toBe(3)
  expect(summarize(values, 'sum')).toBe(9)
  expect(summarize(values, 'max')).toBe(5)
})

test('the start of a window belongs to it, and its end does not', () => {
  const windows = [
    { from: 10, to: 20 },
    { from: 30, to: 40 },
  ]
  const inside = [9, 10, 19.9, 20, 30, 40].map((at) => isWithin(at, windows))
  expect(inside).toEqual([false, true, true, false, true, false])
})

test('each step has its largest value, and points outside count nowhere', () => {
  const points = [
    { at: 99, value: 50 },
    { at: 100, value: 1 },
    { at: 109, value: 3 },
    { at: 125, value: 2 },
    { at: 130, value: 50 },
  ]
  expect(largestInSteps(points, { from: 100, stepMs: 10, count: 3 })).toEqual([3, 0, 2])
})

test.each([
  [6, [1, 6]],
  [9, [2, 8]],
  [12, [3, 10]],
  [25, [8, 18]],
  [100, [40, 61]],
])('the median of %d values is between two of them', (count, expected) => {
  const values = Array.from({ length: count }, (_, index) => count - index)
  expect(medianInterval(values)).toEqual(expected)
})

test.each([0, 5])('%d values say nothing of the median of all', (count) => {
  expect(medianInterval(new Array(count).fill(1))).toEqual([Number.NaN, Number.NaN])
})
