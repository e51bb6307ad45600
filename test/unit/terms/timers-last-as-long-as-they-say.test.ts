// setTimeout fires after 1 ms for more than 2^31-1 ms: a margin on the longest timeout must not end it.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { realSystem, startTimer } from '../../../packages/handoff/src/io/system/system.ts'
import { readReport } from '../../../packages/handoff/src/supervisor/registry/process-report.ts'
import { Deadline } from '../../../packages/handoff/src/supervisor/worker/stop/deadline.ts'
import { longestMs } from '../../../packages/handoff/src/terms/options.ts'
import { watchdogMs } from '../../../packages/handoff/src/terms/variables.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test.each([0, 1, 5_000, longestMs, longestMs + 1, longestMs + 10_000, 3 * longestMs + 7])(
  'a timer of %d ms ends then and not before',
  (ms) => {
    const done = vi.fn()
    realSystem.timer(ms, done)
    vi.advanceTimersByTime(Math.max(0, ms - 1))
    expect(done).toHaveBeenCalledTimes(ms === 0 ? 1 : 0)
    vi.advanceTimersByTime(1)
    expect(done).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('a timer without end never ends, and any can be cancelled late', () => {
  const done = vi.fn()
  const timers = [Number.POSITIVE_INFINITY, 2 * longestMs].map((ms) => startTimer(ms, done))
  vi.advanceTimersByTime(2 * longestMs - 1)
  timers[1]?.cancel()
  vi.advanceTimersByTime(4 * longestMs)
  expect(done).not.toHaveBeenCalled()
  timers[0]?.cancel()
  expect(vi.getTimerCount()).toBe(0)
})

test('a deadline of the longest time with a margin, and one that is extended for ever', () => {
  const expired = vi.fn()
  const deadline = new Deadline(expired)
  deadline.set(longestMs + 5_000)
  vi.advanceTimersByTime(longestMs + 4_999)
  expect(expired).not.toHaveBeenCalled()
  deadline.extend(Number.POSITIVE_INFINITY)
  deadline.extend(10)
  vi.advanceTimersByTime(10 * longestMs)
  expect(expired).not.toHaveBeenCalled()
  deadline.clear()
  deadline.set(1)
  vi.advanceTimersByTime(1)
  expect(expired).toHaveBeenCalledWith(1)
})

test.each([
  ['infinity', Number.POSITIVE_INFINITY],
  ['18446744073709551615', 2 ** 64 / 1000],
  ['3000000000000', 3_000_000_000],
  ['1500', 1.5],
  ['0', undefined],
  ['-1', undefined],
  ['Infinity ms', undefined],
  ['', undefined],
  ['nothing', undefined],
])('EXTEND_TIMEOUT_USEC=%s', (text, ms) => {
  expect(readReport(`EXTEND_TIMEOUT_USEC=${text}`).extendMs).toBe(ms)
})

test.each([
  ['30000000', 30_000],
  ['3000000000000', 3_000_000_000],
  ['18446744073709551615', undefined],
  ['infinity', undefined],
  ['0', undefined],
  ['-5', undefined],
  ['', undefined],
])('WATCHDOG_USEC=%s', (text, ms) => {
  expect(watchdogMs({ WATCHDOG_USEC: text }, 1)).toBe(ms)
})
