// The figures of a disturbance: which request counts as steady, which as after a trigger, and what was lost.

import { expect, test } from 'vitest'
import type { Reports } from '../../../bench/load/measured-load.ts'
import { figuresOf } from '../../../bench/suites/disturbance.ts'
import { Recorder } from '../../support/load/recorder.ts'
import type { Kind } from '../../support/load/tally.ts'
import type { Report } from '../../support/load/whole-load.ts'

interface Request {
  at: number
  ms: number
  kind?: Kind
}

const none = { opened: 0, same: 0, closed: 0, cut: 0 }

function report(route: string, requests: Request[], firstAnswers: [string, number][] = []): Report {
  const names = ['ok', 'reset', 'timeout', 'dismissed'].map((kind) => `${route} ${kind}`)
  const kinds = requests.map(({ kind = 'ok' }) => kind)
  return {
    requests: requests.length,
    failed: kinds.filter((kind) => kind !== 'ok').length,
    dismissed: kinds.filter((kind) => kind === 'dismissed').length,
    timeouts: kinds.filter((kind) => kind === 'timeout').length,
    cut: 0,
    kept: { ...none, closed: 3 },
    resting: none,
    webSockets: { ...none, closed: 2 },
    echoes: { sent: 10, echoed: 8, lost: 2, reordered: 0, doubled: 0, miscounted: 0 },
    heldBack: 0,
    durationsMs: [],
    lateMs: [1, 2, 3],
    busy: 0.25,
    pids: [],
    text: '',
    recorded: {
      names,
      name: kinds.map((kind) => names.indexOf(`${route} ${kind}`)),
      startedAt: requests.map(({ at }) => at),
      ms: requests.map(({ ms }) => ms),
      firstAnswers,
    },
  }
}

test('steady is the 2 s before a trigger, and after it come the 2 s that are compared', () => {
  const arriving: Request[] = [
    { at: 7_999, ms: 500 }, // Before the window.
    { at: 8_000, ms: 4 },
    { at: 9_999, ms: 5 },
    { at: 10_000, ms: 20 },
    { at: 11_000, ms: 5_000, kind: 'timeout' }, // It has no time, and is lost.
    { at: 11_999, ms: 10 },
    { at: 12_000, ms: 500 }, // After the window.
  ]
  const kept: Request[] = [
    { at: 9_000, ms: 2 },
    { at: 11_000, ms: 6 },
    { at: 11_500, ms: 1, kind: 'reset' },
    { at: 11_600, ms: 1, kind: 'dismissed' }, // An answer: only its connection was closed.
  ]
  const reports: Reports = {
    arriving: report('arriving', arriving, [
      ['1', 5_000],
      ['2', 10_300],
    ]),
    kept: report('kept', kept, [
      ['1', 5_100],
      ['2', 10_250],
    ]),
  }
  const { figures, series } = figuresOf(reports, [10_000])
  expect(figures).toMatchObject({
    newSteady: 5,
    newAfter: 20,
    newRatio: 4,
    keptSteady: 2,
    keptAfter: 6,
    worst: 20,
    worstSteady: 5,
    generation: 250,
    lostRequests: 2,
    lostMessages: 2,
    lost: 4,
    closed: 3,
    webSocketsClosed: 2,
    unanswered: 1,
    late: 3,
    busy: 25,
  })
  // From 500 ms before the trigger, each 100 ms.
  expect(series?.new?.slice(0, 6)).toEqual([0, 0, 0, 0, 5, 20])
})

test('a reload whose new generation never answers has no time', () => {
  const reports: Reports = {
    arriving: report('arriving', [], [['1', 5_000]]),
    kept: report('kept', []),
  }
  expect(figuresOf(reports, [10_000]).figures.generation).toBeNaN()
})

test('a recorder keeps when each request was due, and the first answer of each process', () => {
  const recorder = new Recorder()
  const before = Number(process.hrtime.bigint()) / 1e6
  recorder.add('kept', { kind: 'ok', detail: '', pid: '7', ms: 1_000 })
  recorder.add('kept', { kind: 'ok', detail: '', pid: '7', ms: 1 })
  recorder.add('kept', { kind: 'reset', detail: '', pid: '8', ms: 1 })
  const { names, name, startedAt, ms, firstAnswers } = recorder.recorded
  expect([names, name, ms]).toEqual([
    ['kept ok', 'kept reset'],
    [0, 0, 1],
    [1_000, 1, 1],
  ])
  expect(startedAt[0]).toBeGreaterThan(before - 1_001)
  expect(startedAt[0]).toBeLessThan(before)
  expect(firstAnswers.map(([pid]) => pid)).toEqual(['7'])
})
