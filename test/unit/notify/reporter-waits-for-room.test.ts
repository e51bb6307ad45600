// A supervisor that is busy has a full queue: what happens meanwhile is told later, in its order.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { receive } from '../../../packages/handoff/src/io/native/scm-rights.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import { Notifier } from '../../../packages/handoff/src/notify/notifier.ts'
import { Reporter } from '../../../packages/handoff/src/notify/reporter.ts'
import { eventField, parseNotify } from '../../../packages/handoff/src/protocol/notify.ts'
import { noFates } from '../../../packages/handoff/src/terms/fates.ts'
import { readSettings } from '../../../packages/handoff/src/terms/options.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'
import { scratchDirectory } from '../../support/scratch.ts'

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

test('for a receiver that does not read, a bounded number waits, and what matters most is kept', {
  timeout: 30_000,
}, async () => {
  const socket = join(scratchDirectory(), 'notify.sock')
  const fd = loadNative().bindUnixDatagram(socket, 0o600)
  const timers: (() => void)[] = []
  const timer = (_ms: number, callback: () => void) => {
    timers.push(callback)
    return { cancel: () => {} }
  }
  const notifier = new Notifier({ timer }, socket)
  const common = { pid: 1, generation: 1, elapsedMs: 0 }
  const serving = { ...common, type: 'serving', replaces: null, listeners: [] } as const
  let gone = 0
  const count = 10_000
  notifier.send({ fields: { READY: '1' }, event: serving })
  for (let step = 0; step < count; step++) {
    notifier.send({ fields: { STATUS: `${step}` } })
    notifier.send({
      fields: {},
      event: { ...common, type: 'stage', stage: 'offer', detail: `${step}` },
      onDone: () => gone++,
    })
    if (step === count / 2) notifier.send({ fields: { FDSTORE: '1' } })
  }

  const told: ReturnType<typeof parseNotify>[] = []
  for (let turn = 0; turn < 20_000 && timers.length > 0; turn++) {
    for (let next = receive(fd); next !== undefined; next = receive(fd)) {
      told.push(parseNotify(next.data.toString()))
    }
    for (const fire of timers.splice(0)) fire()
  }
  for (let next = receive(fd); next !== undefined; next = receive(fd)) {
    told.push(parseNotify(next.data.toString()))
  }
  loadNative().close(fd)
  expect(told.length).toBeLessThan(3_000)
  expect(gone).toBe(count)
  expect(told[0]).toMatchObject({ READY: '1' })
  expect(told.filter(({ FDSTORE }) => FDSTORE === '1')).toHaveLength(1)
  // Of those the newest, besides what the kernel had taken.
  expect(told.at(-1)?.[eventField]).toContain(`"detail":"${count - 1}"`)
  expect(told.some(({ STATUS }) => STATUS === `${count - 1}`)).toBe(true)
})

test('what is told while the path is missing is told when it is there again; for ever missing, it is dropped', () => {
  const socket = join(scratchDirectory(), 'notify.sock')
  const timers: (() => void)[] = []
  const timer = (_ms: number, callback: () => void) => {
    timers.push(callback)
    return { cancel: () => {} }
  }
  const notifier = new Notifier({ timer }, socket)
  let gone = 0
  const send = (text: string) => notifier.send({ fields: { STATUS: text }, onDone: () => gone++ })
  const fire = () => timers.splice(0).map((callback) => callback()).length

  send('lost')
  expect(gone).toBe(0)
  let turns = 0
  while (fire() > 0) turns++
  expect(turns).toBeLessThan(1_000)
  expect(gone).toBe(1)
  // From here on nothing waits: nobody may ever come.
  send('lost as well')
  expect([gone, timers]).toEqual([2, []])

  const fd = loadNative().bindUnixDatagram(socket, 0o600)
  send('heard')
  rmSync(socket)
  send('waits')
  expect(timers).toHaveLength(1)
  const anew = loadNative().bindUnixDatagram(socket, 0o600)
  fire()
  expect([fd, anew].map((each) => receive(each)?.data.toString().trim())).toEqual([
    'STATUS=heard',
    'STATUS=waits',
  ])
  for (const each of [fd, anew]) loadNative().close(each)
})
