// An old process that does not read gets no further reports: they would wait in the memory of the new one.

import { expect, test } from 'vitest'
import { PaceReports } from '../../../packages/handoff/src/new/pace-reports.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

test('a report is skipped until the kernel has the one before', async () => {
  const system = new FakeSystem()
  let sent = 0
  let take = () => {}
  const reports = new PaceReports(system, {
    send: () => {
      sent += 1
      return new Promise((resolve) => {
        take = resolve
      })
    },
    onOverdue: () => {},
  })
  reports.begin(3_000)
  system.advance(20)
  expect(sent).toBe(1)
  system.advance(1_000)
  expect(sent).toBe(1)
  take()
  await new Promise(setImmediate)
  system.advance(50)
  expect(sent).toBe(2)
  reports.end()
  expect([system.pendingTimers, system.loopMeters]).toEqual([0, 0])
})
