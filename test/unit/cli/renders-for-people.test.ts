import { expect, test } from 'vitest'
import {
  completeLine,
  completeStatus,
} from '../../../packages/handoff/src/cli/client/older-release.ts'
import {
  reloadLine,
  reloadSummary,
  statusLines,
} from '../../../packages/handoff/src/cli/text/render.ts'
import { colourful, plain } from '../../../packages/handoff/src/cli/text/style.ts'
import type { ReloadLine } from '../../../packages/handoff/src/supervisor/control/reload-lines.ts'
import type { WorkerResult } from '../../../packages/handoff/src/supervisor/control/reload-result.ts'
import type { DrainReport } from '../../../packages/handoff/src/supervisor/fleet/old-connections.ts'
import type {
  ProcessStatus,
  Status,
} from '../../../packages/handoff/src/supervisor/registry/run-status.ts'
import { countsOf, type Fates, noFates } from '../../../packages/handoff/src/terms/fates.ts'
import { drainedText } from '../../../packages/handoff/src/words/fates-text.ts'

const status: Status = {
  name: 'web',
  pid: 100,
  release: '1.2.0',
  generation: 2,
  serving: 103,
  program: { entry: '/srv/web/server.js', workingDirectory: '/srv', node: '/usr/bin/node' },
  workers: [{ worker: 1, generation: 2, serving: 103, backoff: null }],
  processes: [
    {
      pid: 103,
      worker: 1,
      generation: 2,
      stage: 'serving',
      uptimeMs: 80_000,
      silentMs: 500,
      listeners: ['tcp:127.0.0.1:3000', 'unix:/run/web.sock'],
      connections: 12,
      open: { websocket: 2, http: 10 },
      fates: noFates,
    },
    {
      pid: 9,
      worker: 1,
      generation: 1,
      stage: 'drain',
      uptimeMs: 7_200_000,
      silentMs: null,
      listeners: [],
      connections: 1,
      open: { raw: 1 },
      fates: { ...noFates, handedOver: { websocket: 16, http: 48 }, drained: { http: 2 } },
    },
  ],
  handoffs: {
    completed: 1,
    aborted: 0,
    fates: {
      ...noFates,
      handedOver: { websocket: 16, http: 48 },
      drained: { http: 2 },
      forced: { raw: 1 },
    },
    last: { outcome: 'completed', at: '1970-01-01T00:01:00.000Z', pid: 103, generation: 2 },
  },
  backoff: null,
}

test('a status lines up', () => {
  expect(statusLines(status, plain, 80_000).join('\n')).toMatchInlineSnapshot(`
    "web  generation 2 serves  supervisor pid 100

    pid  generation  stage    up      connections               listeners
    103  2           serving  1m 20s  12: 10 http, 2 websocket  tcp:127.0.0.1:3000 unix:/run/web.sock
    9    1           drain    2h 0m   1 raw

    drain        generation 1 (pid 9): 64 connections handed over (48 http, 16 websocket), 2 finished, 1 left
    entry        /srv/web/server.js
    node         /usr/bin/node
    handoffs     1 completed, 0 aborted
    in all       64 connections handed over (48 http, 16 websocket), 2 finished, 1 cut (raw)
    last         completed 20s ago"
  `)
})

test('an old process in its ramp is said to accept still', () => {
  const [serving, old] = status.processes as [ProcessStatus, ProcessStatus]
  const withOld = (process: Partial<ProcessStatus>) =>
    statusLines({ ...status, processes: [serving, { ...old, ...process }] }, plain, 80_000)
  expect(withOld({ stage: 'ramp' })).toContain(
    'ramp         generation 1 (pid 9) still accepts, beside the new process: 64 connections handed over (48 http, 16 websocket), 2 finished, 1 left',
  )
  expect(withOld({ stage: 'ramp', connections: 0, fates: noFates })).toContain(
    'ramp         generation 1 (pid 9) still accepts, beside the new process',
  )
})

test('a server whose event loop stands still does not count as one that simply serves', () => {
  const [serving, old] = status.processes as [ProcessStatus, ProcessStatus]
  const hangs: Status = { ...status, processes: [{ ...serving, silentMs: 12_000 }, old] }
  const lines = statusLines(hangs, plain, 80_000)
  expect(lines[0]).toContain('generation 2 serves, but has sent no report for 12s')
  expect(lines).toContain(
    'silent       generation 2 (pid 103) has sent no report for 12s: it hangs, or is stopped ' +
      '(SIGSTOP, a debugger); `kill -9 103` ends it',
  )
  const blocks = { ...hangs, processes: [{ ...serving, silentMs: 4_500 }] }
  expect(statusLines(blocks, plain, 80_000)[0]).toContain('generation 2 serves  supervisor')
})

test('an old process that hangs is not said of the one that serves', () => {
  const [serving, old] = status.processes as [ProcessStatus, ProcessStatus]
  const hangs = { ...status, processes: [serving, { ...old, silentMs: 7_000 }] }
  const text = statusLines(hangs, plain, 80_000)
  expect(text[0]).toContain('generation 2 serves  supervisor')
  expect(text.join('\n')).toContain('generation 1 (pid 9) has sent no report for 7s')
})

test('of several workers, those that hang are counted', () => {
  const [one] = status.processes as [ProcessStatus]
  const workers = [103, 104].map((pid, index) => ({
    ...{ worker: index + 1, generation: 2, serving: pid, backoff: null },
  }))
  const processes = [
    { ...one, silentMs: 6_000 },
    { ...one, pid: 104, worker: 2 },
  ]
  const [first] = statusLines({ ...status, workers, processes }, plain, 80_000)
  expect(first).toContain('2 of 2 workers serve, but 1 of them may hang')
})

test('a crashed server shows when it starts again', () => {
  const why = 'generation 2 (pid 103) exited with code 1'
  const backoff = { crashes: 3, retryInMs: 400, why }
  const nobody = { generation: null, serving: null, backoff }
  const crashed: Status = {
    ...status,
    processes: [],
    workers: [{ ...nobody, worker: 1 }],
    ...nobody,
  }
  const lines = statusLines(crashed, plain, 80_000)
  expect(lines.slice(0, 3)).toEqual([
    'web  no process serves  supervisor pid 100',
    'crashed 3 times in a row, starts again in 400ms',
    'generation 2 (pid 103) exited with code 1',
  ])
})

const common = { pid: 1234, generation: 2, elapsedMs: 1, atMs: 312 }

const lines: ReloadLine[] = [
  { ...common, type: 'stage', stage: 'adopt', detail: 'the application starts' },
  { ...common, type: 'stage', stage: 'offer', detail: '' },
  { ...common, type: 'serving', replaces: null, listeners: ['tcp:a:1', 'tcp:b:2'] },
  {
    ...common,
    type: 'drained',
    counts: { drained: 2, handedOver: 3, closed: 0, forced: 1 },
    fates: { ...noFates, handedOver: { http: 3 }, drained: { http: 2 }, forced: { raw: 1 } },
  },
  {
    ...common,
    type: 'aborted',
    stage: 'ready',
    code: 'ERR_HANDOFF_UNHEALTHY',
    message: 'm',
    serving: 'old',
  },
  {
    ...common,
    type: 'status',
    stage: 'serving',
    listeners: [],
    connections: 0,
    open: {},
    fates: noFates,
  },
]

test('the stages of both sides line up', () => {
  const rendered = lines.flatMap((line) => reloadLine(line, plain) ?? [])
  expect(rendered.join('\n')).toMatchInlineSnapshot(`
    "   312 ms  new  1234     adopt       the application starts
       312 ms  old  1234     offer
       312 ms  new  1234     serving     on tcp:a:1, tcp:b:2 after 1 ms
       312 ms  old  1234     drained     3 connections handed over (http), 2 finished, 1 cut (raw)
       312 ms  new  1234     aborted     in ready: m. The old process serves on. [ERR_HANDOFF_UNHEALTHY]"
  `)
})

test('the summary has a tick and colour only in a terminal', () => {
  const result = {
    type: 'result',
    ok: true,
    generation: 2,
    pid: 7,
    serving: 'new',
    atMs: 312,
  } as const
  expect(reloadSummary(result, plain)).toEqual(['generation 2 serves (pid 7) after 312 ms'])
  expect(reloadSummary(result, colourful)).toEqual([
    '\x1b[32m✓\x1b[39m generation 2 serves (pid 7) after 312 ms',
  ])
})

test('the summary tells what has become of the connections of the old process', () => {
  const result = { type: 'result', ok: true, generation: 2, pid: 7, serving: 'new' } as const
  const fates = { ...noFates, handedOver: { http: 48, websocket: 16 }, drained: { raw: 2 } }
  const old = { pid: 6, generation: 1, counts: countsOf(fates), fates }
  const summary = (told: Omit<DrainReport, keyof typeof old>) =>
    reloadSummary(
      { ...result, atMs: 150, servesAfterMs: 143, old: { ...old, ...told } },
      plain,
    ).join()
  expect(summary({ drained: true, connections: 0 })).toBe(
    'generation 2 serves (pid 7) after 143 ms: 64 connections handed over (48 http, 16 websocket), 2 finished, none cut',
  )
  expect(summary({ drained: false, connections: 3 })).toBe(
    'generation 2 serves (pid 7) after 143 ms: 64 connections handed over (48 http, 16 websocket), 2 finished, 3 left in generation 1 (pid 6)',
  )
  const none = { ...old, drained: true, connections: 0, counts: countsOf(noFates), fates: noFates }
  expect(reloadSummary({ ...result, atMs: 150, servesAfterMs: 143, old: none }, plain)).toEqual([
    'generation 2 serves (pid 7) after 143 ms',
  ])
})

test.each<[number | null | undefined, string]>([
  [1_402, 'generation 2 serves (pid 7) after 312 ms, alone after 1402 ms'],
  [320, 'generation 2 serves (pid 7) after 312 ms'],
  [undefined, 'generation 2 serves (pid 7) after 312 ms'],
  [
    null,
    'generation 2 serves (pid 7) after 312 ms; the old process has not reported that it stopped accepting',
  ],
])('the summary says when the ramp ended: after %s ms', (aloneAfterMs, text) => {
  const result = { type: 'result', ok: true, generation: 2, pid: 7, serving: 'new' } as const
  const times = { servesAfterMs: 312, ...(aloneAfterMs !== undefined && { aloneAfterMs }) }
  expect(reloadSummary({ ...result, ...times, atMs: 2_000 }, plain)).toEqual([text])
})

test('of several workers each process tells whose it is, and the head how many serve', () => {
  const [serving, draining] = status.processes as [ProcessStatus, ProcessStatus]
  const several: Status = {
    ...status,
    workers: [
      { worker: 1, generation: 2, serving: 103, backoff: null },
      { worker: 2, generation: null, serving: null, backoff: { crashes: 1, retryInMs: 400 } },
    ],
    processes: [serving, { ...draining, worker: 2, fates: noFates }],
  }
  expect(statusLines(several, plain, 80_000).slice(0, 6)).toEqual([
    'web  1 of 2 workers serve  supervisor pid 100',
    'worker 2 crashed once, starts again in 400ms',
    '',
    'worker  pid  generation  stage    up      connections               listeners',
    '1       103  2           serving  1m 20s  12: 10 http, 2 websocket  tcp:127.0.0.1:3000 unix:/run/web.sock',
    '2       9    1           drain    2h 0m   1 raw',
  ])
})

test('of several workers the summary has a line for each', () => {
  const workers: WorkerResult[] = [
    { worker: 1, outcome: 'reloaded', generation: 2, pid: 7, servesAfterMs: 100, old: null },
    { worker: 2, outcome: 'left', generation: null, pid: null, to: 1 },
  ]
  const result = { type: 'result', ok: true, generation: 2, pid: 7, serving: 'new' } as const
  expect(reloadSummary({ ...result, workers, atMs: 312 }, plain)).toEqual([
    'worker 1: generation 2 serves (pid 7) after 100 ms',
    'worker 2: has handed over to worker 1',
  ])
  const line = { ...common, type: 'stage', stage: 'offer', detail: '', worker: 2 } as const
  expect(reloadLine(line, plain)).toBe('   312 ms   2  old  1234     offer')
})

test.each<[Partial<Fates>, string]>([
  [{}, 'no connection was open'],
  [{ drained: { http: 1 } }, '1 connection finished, none cut'],
  [{ closed: { websocket: 1, tls: 2 } }, '3 connections closed (1 websocket, 2 tls), none cut'],
  [{ handedOver: { raw: 1 }, forced: { http: 2 } }, '1 connection handed over (raw), 2 cut (http)'],
  [
    { handedOver: { http: 2 }, takenBack: { http: 1 } },
    '2 connections handed over (http), 1 taken back (http), none cut',
  ],
])('%j reads "%s"', (fates, text) => {
  expect(drainedText({ ...noFates, ...fates })).toBe(text)
})

test('what an older release counts has no kinds', () => {
  const counts = { handedOver: 3, drained: 1, closed: 0, forced: 0 }
  expect(drainedText(noFates, counts)).toBe('3 connections handed over, 1 finished, none cut')
})

test('a supervisor of an older release tells less, and nothing breaks', () => {
  const { fates: _, ...handoffs } = status.handoffs
  const processes = status.processes.map(({ open, fates, ...process }) => process)
  const { program: __, ...rest } = status
  const older = { ...rest, processes, handoffs } as unknown as Status
  expect(statusLines(completeStatus(older), plain, 80_000)).toContain(
    'handoffs     1 completed, 0 aborted',
  )
  const line = { ...common, type: 'drained', counts: { drained: 2, forced: 0 } }
  expect(completeLine(line as unknown as ReloadLine)).toEqual({
    ...line,
    counts: { drained: 2, handedOver: 0, closed: 0, forced: 0 },
    fates: noFates,
  })
})
