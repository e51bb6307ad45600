// Percentiles, windows and steps of the benchmarks.

import { expect, test } from 'vitest'
import {
  geometricMean,
  isWithin,
  largest,
  largestInSteps,
  mean,
  meanInterval,
  median,
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

test('a figure of several runs is their median, mean, sum or largest', () => {
  const values = [1, 5, 3]
  expect(summarize(values, 'median')).toBe(3)
  expect(summarize([1, 5], 'mean')).toBe(3)
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

test('the mean of ratios is that of their logarithms', () => {
  expect(mean([1, 2, 6])).toBe(3)
  expect(geometricMean([0.5, 2])).toBeCloseTo(1)
})

test('the interval of a mean has it, and grows narrow with many values', () => {
  const alternating = (count: number) => Array.from({ length: count }, (_, index) => index % 2)
  const [few, many] = [meanInterval(alternating(6)), meanInterval(alternating(600))]
  // The standard deviation is 0.5: 1.96 times that, over the root of 600.
  expect(many[0]).toBeCloseTo(0.46, 2)
  expect(many[1]).toBeCloseTo(0.54, 2)
  expect(few[0]).toBeLessThan(many[0])
  expect(few[1]).toBeGreaterThan(many[1])
  expect(meanInterval(alternating(6))).toEqual(few)
})

test.each([0, 5])('%d values say nothing of the mean of all', (count) => {
  expect(meanInterval(new Array(count).fill(1))).toEqual([Number.NaN, Number.NaN])
})
