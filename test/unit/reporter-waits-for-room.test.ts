// A supervisor that is busy has a full queue: what happens meanwhile is told later, in its order.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { noFates } from '../../packages/handoff/src/fates.ts'
import { loadNative } from '../../packages/handoff/src/io/native.ts'
import { receive } from '../../packages/handoff/src/io/scm-rights.ts'
import { realSystem } from '../../packages/handoff/src/io/system.ts'
import { readSettings } from '../../packages/handoff/src/options.ts'
import { eventField, parseNotify } from '../../packages/handoff/src/protocol/notify.ts'
import { Reporter } from '../../packages/handoff/src/reporter.ts'
import { FakeSystem } from '../stage/fake-system.ts'
import { scratchDirectory } from '../support/scratch.ts'

test('a status that makes the application close the handoff is the last one', () => {
  const system = new FakeSystem()
  const settings = readSettings(
    { onEvent: () => reporter.close() },
    { HANDOFF_STATUS_INTERVAL_MS: '1000' },
  )
  const reporter = new Reporter(system, settings, () => 1)
  reporter.watch(() => ({
    ...{ type: 'status', stage: 'serving', listeners: [], connections: 0 },
    ...{ open: {}, fates: noFates },
  }))
  system.advance(1_000)
  expect(system.pendingTimers).toBe(0)
})

test('no event is lost, and of statuses the newest is told', () => {
  const socket = join(scratchDirectory(), 'notify.sock')
  const fd = loadNative().bindUnixDatagram(socket, 0o600)
  expect(fd).toBeGreaterThanOrEqual(0)
  const timers: (() => void)[] = []
  const system = {
    ...realSystem,
    timer: (_ms: number, callback: () => void) => {
      timers.push(callback)
      return { cancel: () => {} }
    },
  }
  const settings = readSettings({}, { NOTIFY_SOCKET: socket })
  const reporter = new Reporter(system, settings, () => 1)

  // Far more than net.unix.max_dgram_qlen lets wait, which is 10 on Linux by default.
  const stages = Array.from({ length: 600 }, (_, index) => `step ${index}`)
  for (const detail of stages) reporter.report({ type: 'stage', stage: 'adopt', detail })
  for (const connections of [1, 2, 3]) {
    reporter.report({
      ...{ type: 'status', stage: 'serving', listeners: [], connections },
      ...{ open: {}, fates: noFates },
    })
  }
  expect(timers).toHaveLength(1)

  const told: string[] = []
  const statuses: number[] = []
  for (let turn = 0; turn < 10_000 && statuses.length === 0; turn++) {
    const received = receive(fd)
    if (received === undefined) {
      for (const fire of timers.splice(0)) fire()
      continue
    }
    const event = JSON.parse(parseNotify(received.data.toString())[eventField] ?? '{}')
    if (event.type === 'status') statuses.push(event.connections)
    else told.push(event.detail)
  }
  loadNative().close(fd)
  expect(told).toEqual(stages)
  expect(statuses).toEqual([3])
})
