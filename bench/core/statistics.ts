// Medians, percentiles, and windows of time.

import type { Summary } from './suite.ts'

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The smallest value that so many percent of the values do not exceed; NaN without values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}

/** The largest value; NaN without values. */
export function largest(values: readonly number[]): number {
  return percentile(values, 100)
}

/**
 * The interval in which the median of the population is with 95 % certainty, whatever the distribution: two of the
 * values. NaN with fewer than six values.
 *
 * @see https://en.wikipedia.org/wiki/Median#Confidence_intervals: ranks of the binomial distribution
 */
export function medianInterval(values: readonly number[]): [low: number, high: number] {
  const sorted = [...values].sort((a, b) => a - b)
  const count = sorted.length
  // The probability that at most `rank` values are below the median.
  let [probability, sum, rank] = [0.5 ** count, 0.5 ** count, 0]
  while (sum + (probability * (count - rank)) / (rank + 1) <= 0.025) {
    probability *= (count - rank) / (rank + 1)
    rank += 1
    sum += probability
  }
  if (sum > 0.025) return [Number.NaN, Number.NaN]
  return [sorted[rank] ?? Number.NaN, sorted[count - 1 - rank] ?? Number.NaN]
}

export function summarize(values: readonly number[], summary: Summary): number {
  if (summary === 'sum') return values.reduce((sum, value) => sum + value, 0)
  return summary === 'max' ? largest(values) : median(values)
}

/** A span of time in milliseconds: its start belongs to it, its end does not. */
export interface Window {
  readonly from: number
  readonly to: number
}

export function isWithin(at: number, windows: readonly Window[]): boolean {
  return windows.some(({ from, to }) => at >= from && at < to)
}

/** The largest value in each of `count` spans of `stepMs` from `from`; 0 where there is none. */
export function largestInSteps(
  points: readonly { readonly at: number; readonly value: number }[],
  { from, stepMs, count }: { from: number; stepMs: number; count: number },
): number[] {
  const steps = new Array<number>(count).fill(0)
  for (const { at, value } of points) {
    const step = Math.floor((at - from) / stepMs)
    if (step >= 0 && step < count) steps[step] = Math.max(steps[step] ?? 0, value)
  }
  return steps
}
