import { expect, test } from 'vitest'
import { reloadLine, reloadSummary, statusLines } from '../../packages/handoff/src/cli/render.ts'
import { colourful, plain } from '../../packages/handoff/src/cli/style.ts'
import type { ReloadLine } from '../../packages/handoff/src/supervisor/reload.ts'
import type { Status } from '../../packages/handoff/src/supervisor/status.ts'

const status: Status = {
  name: 'web',
  pid: 100,
  generation: 2,
  serving: 103,
  processes: [
    {
      pid: 103,
      generation: 2,
      stage: 'serving',
      uptimeMs: 80_000,
      listeners: ['tcp:127.0.0.1:3000', 'unix:/run/web.sock'],
      connections: 12,
    },
    {
      pid: 9,
      generation: 1,
      stage: 'drain',
      uptimeMs: 7_200_000,
      listeners: [],
      connections: 1,
    },
  ],
  handoffs: {
    completed: 1,
    aborted: 0,
    last: { outcome: 'completed', at: '1970-01-01T00:01:00.000Z', pid: 103, generation: 2 },
  },
  backoff: null,
}

test('a status lines up', () => {
  expect(statusLines(status, plain, 80_000).join('\n')).toMatchInlineSnapshot(`
    "web  generation 2 serves  supervisor pid 100

    pid  generation  stage    up      connections  listeners
    103  2           serving  1m 20s  12           tcp:127.0.0.1:3000 unix:/run/web.sock
    9    1           drain    2h 0m   1

    handoffs  1 completed, 0 aborted
    last      completed 20s ago"
  `)
})

test('a crashed server shows when it starts again', () => {
  const crashed: Status = {
    ...status,
    generation: null,
    serving: null,
    processes: [],
    backoff: { crashes: 3, retryInMs: 400 },
  }
  const lines = statusLines(crashed, plain, 80_000)
  expect(lines.slice(0, 2)).toEqual([
    'web  nobody serves  supervisor pid 100',
    'crashed 3 times in a row, starts again in 400ms',
  ])
})

const common = { pid: 1234, generation: 2, elapsedMs: 1, atMs: 312 }

const lines: ReloadLine[] = [
  { ...common, type: 'stage', stage: 'adopt', detail: 'the application starts' },
  { ...common, type: 'stage', stage: 'offer', detail: '' },
  { ...common, type: 'serving', replaces: null, listeners: ['tcp:a:1', 'tcp:b:2'] },
  { ...common, type: 'drained', counts: { drained: 2, handedOver: 3, forced: 1 } },
  {
    ...common,
    type: 'aborted',
    stage: 'ready',
    code: 'ERR_HANDOFF_UNHEALTHY',
    message: 'm',
    serving: 'old',
  },
  { ...common, type: 'status', stage: 'serving', listeners: [], connections: 0 },
]

test('the stages of both sides line up', () => {
  const rendered = lines.flatMap((line) => reloadLine(line, plain) ?? [])
  expect(rendered.join('\n')).toMatchInlineSnapshot(`
    "   312 ms  new  1234     adopt       the application starts
       312 ms  old  1234     offer
       312 ms  new  1234     serving     tcp:a:1, tcp:b:2
       312 ms  old  1234     drained     2 finished, 3 handed over, 1 cut
       312 ms  new  1234     aborted     in ready: ERR_HANDOFF_UNHEALTHY"
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
  expect(reloadSummary(result, plain)).toBe('generation 2 serves (pid 7) after 312 ms')
  expect(reloadSummary(result, colourful)).toBe(
    '\x1b[32m✓\x1b[39m generation 2 serves (pid 7) after 312 ms',
  )
})
