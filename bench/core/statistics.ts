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
