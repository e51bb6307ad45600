// Which silent processes are in the way of the service, and when their end is the remedy.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findHung } from '../../../../packages/handoff/src/supervisor/processes/hung-processes.ts'
import {
  SilenceClock,
  tickMs,
} from '../../../../packages/handoff/src/supervisor/processes/silence-clock.ts'
import { readReport } from '../../../../packages/handoff/src/supervisor/registry/process-report.ts'
import {
  emptyRegistry,
  type ProcessRecord,
  type Registry,
} from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import { DrainDeadlines } from '../../../../packages/handoff/src/supervisor/worker/stop/drain-deadlines.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

function record(pid: number, facts: Partial<ProcessRecord>): ProcessRecord {
  return {
    ...{ pid, generation: pid / 10, stage: 'serving', startedAt: 1, servingSince: 1 },
    ...{ listeners: [], connections: 0, open: {}, fates: noFates },
    ...facts,
  }
}

function registryOf(serving: number | undefined, ...records: ProcessRecord[]): Registry {
  const processes = new Map(records.map((each) => [each.pid, each]))
  return { ...emptyRegistry, processes, serving }
}

/** Generation 2 (pid 20) serves since the time 10_000; generation 1 drains. */
const probation = registryOf(
  20,
  record(10, { stage: 'drain' }),
  record(20, { servingSince: 10_000 }),
)

interface Case {
  registry?: Registry
  /** By pid; absent: it never promised to report. */
  silent: Record<number, number>
  now?: number
  starting?: number
  watchdogMs?: number
  /** What generation 1 has reported. */
  probationMs?: number
}

function hungIn({ registry = probation, silent, now = 14_000, starting, ...more }: Case) {
  const { watchdogMs, probationMs } = more
  const probations = new Map(probationMs === undefined ? [] : [[10, 10_000 + probationMs]])
  const signs = { silentMs: (pid: number) => silent[pid] }
  const moment = { registry, starting, now, probations }
  return findHung(signs, { watchdogMs, silenceMs: 5_000, probationMs: 5_000 }, moment).map(
    ({ pid, why }) => `${pid} ${why}`,
  )
}

describe('a process that serves', () => {
  test.each<[string, Case, string[]]>([
    ['in its probation after 5 s', { silent: { 20: 5_000 } }, ['20 probation']],
    ['not before', { silent: { 20: 4_500 } }, []],
    ['not if it never promised to report', { silent: {} }, []],
    [
      'even if its probation ends while it is silent',
      { silent: { 20: 5_000 }, now: 19_900 },
      ['20 probation'],
    ],
    ['not if its silence began after the probation', { silent: { 20: 5_000 }, now: 20_100 }, []],
    [
      'in the probation that the old process reports',
      { silent: { 20: 5_000 }, now: 39_000, probationMs: 30_000 },
      ['20 probation'],
    ],
    ['later, with a watchdog', { silent: { 20: 2_000 }, watchdogMs: 2_000 }, ['20 probation']],
    [
      'after the probation, with a watchdog',
      { silent: { 20: 9_000 }, now: 60_000, watchdogMs: 9_000 },
      ['20 watchdog'],
    ],
    ['never, if the watchdog is off', { silent: { 20: 60_000 }, watchdogMs: 0 }, []],
    [
      'not if no process could take back',
      { silent: { 20: 9_000 }, registry: registryOf(20, record(20, { servingSince: 10_000 })) },
      [],
    ],
    [
      'not for a process that has been released',
      {
        silent: { 20: 5_000 },
        registry: registryOf(
          20,
          record(10, { stage: 'drain', released: true }),
          record(20, { servingSince: 10_000 }),
        ),
      },
      [],
    ],
  ])('is ended %s', (_, situation, hung) => {
    expect(hungIn(situation)).toEqual(hung)
  })
})

describe('a process that hangs', () => {
  const committed = registryOf(
    10,
    record(10, { stage: 'drain' }),
    record(20, { stage: 'ready', servingSince: 0 }),
  )

  test('between the commit and its first word is ended: the old one takes back', () => {
    const silent = { 20: 5_000 }
    expect(hungIn({ registry: committed, starting: 20, silent })).toEqual(['20 commit'])
    const shares = registryOf(10, record(10, { stage: 'ramp' }), record(20, { servingSince: 0 }))
    expect(hungIn({ registry: shares, starting: 20, silent })).toEqual(['20 commit'])
  })

  test('in the ramp of the old one is ended, however long the probation is over', () => {
    const shares = registryOf(20, record(10, { stage: 'ramp' }), record(20, {}))
    expect(hungIn({ registry: shares, silent: { 20: 5_000 }, now: 60_000 })).toEqual([
      '20 probation',
    ])
    expect(hungIn({ registry: shares, silent: { 10: 60_000 }, now: 60_000 })).toEqual([])
  })

  test('before the commit is left to the ready timeout', () => {
    const booting = registryOf(10, record(10, {}), record(20, { stage: 'adopt', servingSince: 0 }))
    expect(hungIn({ registry: booting, starting: 20, silent: { 20: 60_000 } })).toEqual([])
  })

  test('while it drains is left to its drain timeout', () => {
    expect(hungIn({ silent: { 10: 20_000, 20: 0 } })).toEqual([])
  })

  test('while it drains is ended if no process serves, whatever the watchdog is', () => {
    const registry = registryOf(
      undefined,
      record(10, { stage: 'drain', released: true }),
      record(20, { stage: 'drain' }),
      record(30, { stage: 'adopt', servingSince: 0 }),
    )
    const silent = { 10: 5_000, 20: 5_500, 30: 9_000 }
    expect(hungIn({ registry, silent, watchdogMs: 0 })).toEqual(['10 past', '20 past'])
    expect(hungIn({ registry, silent: { 10: 4_500 } })).toEqual([])
  })

  test('is left alone where it has handed over to another worker', () => {
    const registry = { ...registryOf(undefined, record(10, { stage: 'drain' })), left: 10 }
    expect(hungIn({ registry, silent: { 10: 9_000 } })).toEqual([])
  })
})

describe('silence', () => {
  const serving = { event: { type: 'serving' } as HandoffEvent }

  test('is counted from the last report, of processes that promised to report', () => {
    const signs = new SilenceClock()
    signs.onReport(10, { alive: true })
    signs.onReport(20, serving)
    for (let tick = 0; tick < 4; tick++) signs.tick()
    expect(signs.silentMs(10)).toBe(4 * tickMs)
    expect(signs.silentMs(20)).toBeUndefined()
    signs.onReport(10, {})
    expect(signs.silentMs(10)).toBe(0)
  })

  test('is expected of a process that a debugger may stop, or that says so', () => {
    const signs = new SilenceClock()
    signs.onReport(10, { alive: true })
    signs.tick()
    signs.reset(10)
    expect(signs.silentMs(10)).toBe(0)
    signs.onReport(10, { alive: false })
    signs.tick()
    expect(signs.silentMs(10)).toBeUndefined()
    expect(signs.isProvenAlive(10)).toBe(true)
  })

  test('a process has turned when it has reported again since it serves', () => {
    const signs = new SilenceClock()
    expect(signs.isProvenAlive(10)).toBe(true)
    signs.onReport(10, { alive: true })
    signs.onReport(10, serving)
    expect(signs.isProvenAlive(10)).toBe(false)
    signs.onReport(10, { alive: true })
    expect(signs.isProvenAlive(10)).toBe(true)
  })

  test('the fields of a report', () => {
    expect(readReport('X_HANDOFF_ALIVE=1')).toEqual({ alive: true })
    expect(readReport('X_HANDOFF_ALIVE=0')).toEqual({ alive: false })
    expect(readReport('X_HANDOFF_PROBATION_USEC=5000000')).toEqual({ probationMs: 5_000 })
    expect(readReport('X_HANDOFF_PROBATION_USEC=-1')).toEqual({})
  })
})

describe('a drain has a deadline:', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  function begin(drainTimeoutMs?: number) {
    const onExpired = vi.fn()
    const reports = (pid: number) => pid !== 70
    const drains = new DrainDeadlines({ drainTimeoutMs, probationMs: 1_000, reports, onExpired })
    drains.update(probation)
    const expired = () => onExpired.mock.calls.map(([{ pid }, ms]) => [pid, ms])
    return { drains, expired }
  }

  test('the probation, the drain timeout and a margin', () => {
    const { expired } = begin(3_000)
    vi.advanceTimersByTime(8_999)
    expect(expired()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired()).toEqual([[10, 9_000]])
  })

  test('without a word of the operator that of the default', () => {
    const { expired } = begin()
    vi.advanceTimersByTime(36_000)
    expect(expired()).toEqual([[10, 36_000]])
  })

  test('it begins with the ramp: a process may hang there, too', () => {
    const { drains, expired } = begin(3_000)
    drains.update(registryOf(10, record(10, {})))
    drains.update(registryOf(20, record(10, { stage: 'ramp' }), record(20, {})))
    vi.advanceTimersByTime(8_999)
    expect(expired()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired()).toEqual([[10, 9_000]])
  })

  test('the process itself may ask for more, never for less', () => {
    const { drains, expired } = begin(3_000)
    drains.extend(10, 60_000)
    drains.extend(10, 1_000)
    drains.extend(99, 1_000)
    vi.advanceTimersByTime(64_999)
    expect(expired()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired()).toEqual([[10, 65_000]])
  })

  test('it is not known of a process of an older release', () => {
    const { drains, expired } = begin(3_000)
    drains.update(registryOf(20, record(20, {}), record(70, { stage: 'drain' })))
    vi.advanceTimersByTime(600_000)
    expect(expired()).toEqual([])
  })

  test('it ends with the process, with a take-back, and with the run', () => {
    const { drains, expired } = begin(3_000)
    drains.update(registryOf(10, record(10, {})))
    vi.advanceTimersByTime(60_000)
    drains.update(probation)
    drains.update(registryOf(20, record(20, {})))
    vi.advanceTimersByTime(60_000)
    drains.update(probation)
    drains.close()
    vi.advanceTimersByTime(60_000)
    expect(expired()).toEqual([])
  })
})
