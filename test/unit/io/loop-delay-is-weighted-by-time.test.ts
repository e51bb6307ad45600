// How late the event loop is, by perf_hooks.

import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startLoopMeter } from '../../../packages/handoff/src/io/system/loop-meter.ts'

/** Blocks the event loop. */
function block(ms: number): void {
  for (const endsAt = performance.now() + ms; performance.now() < endsAt; );
}

test('a loop that is blocked is late by that, for as long as it is', async () => {
  const meter = startLoopMeter()
  await pause(20)
  block(200)
  await pause(20)
  const { meanMs, mostMs } = meter.take()
  meter.stop()
  expect(mostMs).toBeGreaterThan(190)
  // Nearly all of the time a client would have met it: the mean of the intervals is far less.
  expect(meanMs).toBeGreaterThan(60)
  expect(meanMs).toBeLessThanOrEqual(mostMs)
})

test('each measurement begins anew, and one of no time is none', async () => {
  const meter = startLoopMeter()
  await pause(20)
  block(100)
  await pause(10)
  expect(meter.take().mostMs).toBeGreaterThan(50)
  expect(meter.take()).toEqual({ meanMs: 0, mostMs: 0 })
  meter.stop()
})
