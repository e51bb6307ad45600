import { expect, test } from 'vitest'
import { readReport } from '../../../../packages/handoff/src/supervisor/registry/process-report.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const common = { pid: 7, generation: 2, elapsedMs: 12.5 }

const fates = { ...noFates, drained: { http: 3 } }

/** Absent from what a process of an older release tells. */
const additions = ['open', 'fates']

const events: HandoffEvent[] = [
  { ...common, type: 'stage', stage: 'adopt', detail: 'x' },
  { ...common, type: 'serving', replaces: null, listeners: [] },
  { ...common, type: 'serving', replaces: { pid: 6, generation: 1 }, listeners: ['tcp:[::]:80'] },
  {
    ...common,
    type: 'aborted',
    stage: 'ready',
    code: 'ERR_HANDOFF_TIMEOUT',
    message: 'm',
    serving: 'old',
  },
  {
    ...common,
    type: 'taken-back',
    code: 'ERR_HANDOFF_PEER_GONE',
    message: 'm',
    listeners: [],
    connections: { back: 0, closed: 0 },
    fates: noFates,
  },
  {
    ...common,
    type: 'drained',
    counts: { drained: 3, handedOver: 0, closed: 0, forced: 0 },
    fates,
  },
  {
    ...common,
    ...{ type: 'status', stage: 'serving', listeners: [], connections: 2 },
    ...{ open: { http: 2 }, fates },
  },
  { ...common, type: 'warning', message: 'm' },
]

test.each(events)('reads a $type event', (event) => {
  const report = readReport(`STATUS=x\nX_HANDOFF_EVENT=${JSON.stringify(event)}`)
  expect(report).toEqual({ event })
})

test.each(events)('takes no $type event that lacks a field or has a wrong one', (event) => {
  for (const field of Object.keys(event)) {
    const lacking = { ...event, [field]: undefined }
    const wrong = { ...event, [field]: { wrong: true } }
    for (const bad of additions.includes(field) ? [wrong] : [lacking, wrong]) {
      expect(readReport(`X_HANDOFF_EVENT=${JSON.stringify(bad)}`), field).toEqual({})
    }
  }
})

test.each(['', '{', 'null', '[]', '"text"', '{"type":"toString"}', '{"type":"none"}'])(
  'takes %j for nothing',
  (text) => {
    expect(readReport(`X_HANDOFF_EVENT=${text}`)).toEqual({})
  },
)

test('reads what an exception says', () => {
  expect(readReport('X_HANDOFF_EXCEPTION="Error: \\"x\\""')).toEqual({ exception: 'Error: "x"' })
  expect(readReport('X_HANDOFF_EXCEPTION=5')).toEqual({})
  expect(readReport('X_HANDOFF_LAST_WORDS="no database"')).toEqual({ lastOutput: 'no database' })
  expect(readReport('X_HANDOFF_LAST_WORDS=5')).toEqual({})
})

test('reads a request for more time, which sd_notify(3) counts in microseconds', () => {
  expect(readReport('EXTEND_TIMEOUT_USEC=90000000')).toEqual({ extendMs: 90_000 })
  expect(readReport('EXTEND_TIMEOUT_USEC=soon')).toEqual({})
})

test('what a process of an older release does not tell is nothing', () => {
  const read = (event: object) => readReport(`X_HANDOFF_EVENT=${JSON.stringify(event)}`).event
  const drained = { ...common, type: 'drained', counts: { drained: 3, forced: 1 } }
  expect(read(drained)).toEqual({
    ...drained,
    counts: { drained: 3, handedOver: 0, closed: 0, forced: 1 },
    fates: noFates,
  })
  const status = { ...common, type: 'status', stage: 'drain', listeners: [], connections: 2 }
  expect(read(status)).toEqual({ ...status, open: {}, fates: noFates })
})

test('kinds and fates of a newer release are no reason to hear nothing', () => {
  const status = { ...common, type: 'status', stage: 'drain', listeners: [], connections: 2 }
  const newer = { open: { http3: 2 }, fates: { ...noFates, vanished: { http: 1 } } }
  const text = `X_HANDOFF_EVENT=${JSON.stringify({ ...status, ...newer })}`
  expect(readReport(text).event).toEqual({ ...status, open: { http3: 2 }, fates: noFates })
})

test.each([{ 'x\ny': 1 }, { http: -1 }, { http: '1' }, ['http']])(
  'takes no kinds that are %j',
  (open) => {
    const status = { ...common, type: 'status', stage: 'drain', listeners: [], connections: 2 }
    expect(readReport(`X_HANDOFF_EVENT=${JSON.stringify({ ...status, open })}`)).toEqual({})
  },
)
test('reads what is to be kept for a crash, and that a process stops', () => {
  expect(readReport('FDSTORE=1\nFDNAME=tcp%3A80')).toEqual({ store: 'tcp%3A80' })
  // The name that systemd gives, sd_pid_notify_with_fds(3).
  expect(readReport('FDSTORE=1')).toEqual({ store: 'stored' })
  expect(readReport('FDSTOREREMOVE=1\nFDNAME=tcp%3A80')).toEqual({ unstore: 'tcp%3A80' })
  expect(readReport('STOPPING=1')).toEqual({ stopping: true })
  expect(readReport('FDSTORE=0\nFDNAME=a\nSTOPPING=0')).toEqual({})
})
