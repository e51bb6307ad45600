// Measures how late the event loop of this process is.

import { builtins } from '../node/builtins.ts'

/** How late timers were since the last measurement, in milliseconds. */
export interface LoopDelay {
  readonly meanMs: number
  readonly mostMs: number
}

export interface LoopMeter {
  /** Returns the delay since the last call, or since the start. */
  take(): LoopDelay
  stop(): void
}

/** Measures nothing. */
export const noLoopMeter: LoopMeter = {
  take: () => ({ meanMs: 0, mostMs: 0 }),
  stop() {},
}

/** The interval of the timer that is measured, in milliseconds. */
const intervalMs = 2

/**
 * Begins to measure.
 *
 * @remarks The histogram has whole intervals. Their mean is that of the moments at which a client may
 * come, not that of the intervals: it is weighted by the time that each of them took.
 */
export function startLoopMeter(): LoopMeter {
  const histogram = builtins.perfHooks.monitorEventLoopDelay({ resolution: intervalMs })
  histogram.enable()
  return {
    take() {
      const delay = delayOf(histogram)
      histogram.reset()
      return delay
    },
    stop: () => void histogram.disable(),
  }
}

function delayOf({
  mean,
  stddev,
  max,
  count,
}: import('node:perf_hooks').IntervalHistogram): LoopDelay {
  if (count === 0) return { meanMs: 0, mostMs: 0 }
  const weighted = (mean * mean + stddev * stddev) / mean
  return { meanMs: late(weighted), mostMs: late(max) }
}

function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - intervalMs)
}
