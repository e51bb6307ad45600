// Medians, means, percentiles, and windows of time.

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

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)))
}

const RESAMPLES = 2_000

/**
 * The interval in which the mean of the population is with about 95 % certainty, whatever the distribution: by the
 * bootstrap. The same values have the same interval. NaN with fewer than six values.
 *
 * @see https://en.wikipedia.org/wiki/Bootstrapping_(statistics)
 */
export function meanInterval(values: readonly number[]): [low: number, high: number] {
  if (values.length < 6) return [Number.NaN, Number.NaN]
  const random = randomNumbers()
  const pick = () => values[Math.floor(random() * values.length)] ?? Number.NaN
  const means = Array.from({ length: RESAMPLES }, () => mean(values.map(pick)))
  return [percentile(means, 2.5), percentile(means, 97.5)]
}

/** Returns a function that returns numbers from 0 to 1, the same in each run: mulberry32. */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns a mean and its interval as text, such as `0.998 (95 % interval 0.990 to 1.004, 9 runs)`. */
export function describeMean(values: readonly number[], digits: number): string {
  const [low, high] = meanInterval(values).map((value) => value.toFixed(digits))
  const interval = low === 'NaN' ? '' : `95 % interval ${low} to ${high}, `
  return `${mean(values).toFixed(digits)} (${interval}${values.length} runs)`
}

export function summarize(values: readonly number[], summary: Summary): number {
  if (summary === 'sum') return values.reduce((sum, value) => sum + value, 0)
  if (summary === 'mean') return mean(values)
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
