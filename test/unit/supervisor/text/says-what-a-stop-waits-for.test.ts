import { expect, test } from 'vitest'
import { ended } from '../../../../packages/handoff/src/supervisor/text/announcements.ts'
import { waitingText } from '../../../../packages/handoff/src/supervisor/text/waiting-text.ts'

const process = { pid: 10, generation: 2, connections: 0, open: {} }

test.each([
  [process, 'generation 2 (pid 10) to end'],
  [{ ...process, generation: 0 }, 'the process (pid 10) to end'],
  [
    { ...process, connections: 1, open: { http: 1 } },
    '1 request under way (a long reply or an event stream) of generation 2 (pid 10)',
  ],
  [
    { ...process, connections: 3, open: { http: 2, websocket: 1 } },
    '3 connections (2 http, 1 websocket) of generation 2 (pid 10)',
  ],
  [{ ...process, connections: 3 }, '3 connections of generation 2 (pid 10)'],
])('a stop says what it waits for: %j', (waited, text) => {
  expect(waitingText([waited])).toBe(text)
  expect(waitingText([waited, process])).toBe(`${text}; generation 2 (pid 10) to end`)
})

test.each([[{ code: null, signal: 'SIGTERM' } as const], [{ code: 143, signal: null } as const]])(
  'a program that has drained, and ended itself by %j, has exited',
  (exit) => {
    const name = 'generation 1 (pid 10)'
    expect(ended({ pid: 10, generation: 1, stage: 'exit' }, exit, undefined)).toEqual({
      tone: 'info',
      text: `${name} exited`,
    })
    // While it still served, somebody else has.
    const { tone, text } = ended({ pid: 10, generation: 1, stage: 'serving' }, exit, undefined)
    expect(tone).toBe('bad')
    expect(text).toMatch(/was killed by SIGTERM|exited with code 143/)
  },
)
