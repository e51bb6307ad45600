import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Exit } from '../../../../packages/handoff/src/supervisor/registry/process-exit.ts'
import { ProcessStart } from '../../../../packages/handoff/src/supervisor/worker/start/process-start.ts'
import type { HandoffErrorCode } from '../../../../packages/handoff/src/terms/errors.ts'
import type {
  HandoffEvent,
  HandoffEventBody,
} from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const old = 10
const own = 20

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function begin(readyTimeoutMs?: number) {
  const kill = vi.fn()
  const start = new ProcessStart({ pid: own, entry: 'server.js', readyTimeoutMs, kill })
  return { start, kill }
}

function event(pid: number, body: HandoffEventBody): { event: HandoffEvent } {
  return { event: { ...body, pid, generation: 2, elapsedMs: 1 } as HandoffEvent }
}

function aborted(pid: number, code: HandoffErrorCode) {
  const message = `said by ${pid}`
  return event(pid, { type: 'aborted', stage: 'ready', code, message, serving: 'old' })
}

const joined = event(own, { type: 'stage', stage: 'discover', detail: '' })

async function failureAfter(
  start: ProcessStart,
  exit: Exit,
): Promise<{ code: string; message: string }> {
  start.onExit(exit)
  const result = await start.result
  if (result.ok) throw new Error('it served')
  return result.failure
}

const exited = { code: 3, signal: null } as const

test('a process that serves is the outcome', async () => {
  const { start } = begin()
  start.onReport(own, event(own, { type: 'serving', replaces: null, listeners: ['tcp:a:1'] }))
  expect(await start.result).toEqual({
    ok: true,
    pid: own,
    generation: 2,
    listeners: ['tcp:a:1'],
    replaces: null,
  })
})

test('its status makes up for a lost word of the commit', async () => {
  const { start } = begin()
  const nothing = { listeners: [], connections: 0, open: {}, fates: noFates }
  const status = { type: 'status', ...nothing } as const
  start.onReport(own, event(own, { ...status, stage: 'adopt' }))
  start.onReport(own, event(own, { ...status, stage: 'serving' }))
  expect(await start.result).toMatchObject({ ok: true, pid: own, generation: 2 })
})

test('that another process serves is not', async () => {
  const { start } = begin()
  start.onReport(old, event(old, { type: 'serving', replaces: null, listeners: [] }))
  expect(await failureAfter(start, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('an exit code says little, a signal too', async () => {
  const { start } = begin()
  start.onReport(own, joined)
  const failure = await failureAfter(start, exited)
  expect(failure.message).toContain('exited with code 3 before it served.')

  const { start: other } = begin()
  const killed = await failureAfter(other, { code: null, signal: 'SIGSEGV' })
  expect(killed.message).toContain('killed by SIGSEGV')
})

test('an entry that never listens is told so', async () => {
  const { start } = begin()
  const { message } = await failureAfter(start, { code: 0, signal: null })
  expect(message).toContain('it has not listened on any port or Unix path that can be handed over')
})

test('an exit code says enough: that nothing listened does not explain it', async () => {
  const { start } = begin()
  const { message } = await failureAfter(start, { code: 3, signal: null })
  expect(message).toContain('exited with code 3 before it served')
  expect(message).not.toContain('listened')
})

test('one that was killed may have been about to listen', async () => {
  const { start } = begin()
  const { message } = await failureAfter(start, { code: null, signal: 'SIGKILL' })
  expect(message).toContain('was killed by SIGKILL before it served; by a person, or by the kernel')
  expect(message).not.toContain('listens')
})

test('an exception says more than an exit, and than that the program aborted', async () => {
  const { start } = begin()
  start.onReport(own, { exception: 'SyntaxError: x' })
  expect(await failureAfter(start, exited)).toMatchObject({
    code: 'ERR_HANDOFF_APP_FAILED',
    message: expect.stringContaining('SyntaxError: x'),
  })

  const { start: other } = begin()
  other.onReport(own, { exception: 'SyntaxError: x' })
  other.onReport(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  expect(await failureAfter(other, exited)).toMatchObject({ code: 'ERR_HANDOFF_APP_FAILED' })
})

test('the reason of the program gets the entry and the pid, whatever its process calls it', async () => {
  const { start } = begin()
  const { event: unhealthy } = aborted(own, 'ERR_HANDOFF_UNHEALTHY')
  const message = 'cannot serve: the health check failed: RangeError: no database (/srv/db.js:3)'
  start.onReport(own, { event: { ...unhealthy, message } as HandoffEvent })
  start.onReport(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  expect(await failureAfter(start, exited)).toEqual({
    code: 'ERR_HANDOFF_UNHEALTHY',
    message:
      'cannot start server.js (pid 20): the health check failed: RangeError: no database (/srv/db.js:3). See the output of the new process.',
  })
})

test('that a process exits says less than the exit', async () => {
  const { start } = begin()
  start.onReport(own, aborted(own, 'ERR_HANDOFF_EXITED'))
  start.onReport(old, aborted(old, 'ERR_HANDOFF_EXITED'))
  start.onReport(own, { lastOutput: 'last on stderr: no database' })
  const { message } = await failureAfter(start, exited)
  expect(message).toContain('exited with code 3 before it served; last on stderr: no database')
})

test('any other abort says most', async () => {
  const { start } = begin()
  start.onReport(own, { exception: 'SyntaxError: x' })
  start.onReport(own, aborted(own, 'ERR_HANDOFF_LISTENER_MISSING'))
  expect(await failureAfter(start, exited)).toEqual({
    code: 'ERR_HANDOFF_LISTENER_MISSING',
    message: `said by ${own}`,
  })
})

test('that the old process gave up on another process is not its reason, and ends nothing', async () => {
  const { start, kill } = begin()
  const { event: stray } = aborted(old, 'ERR_HANDOFF_UNHEALTHY')
  start.onReport(old, { event: { ...stray, peer: own + 1 } as HandoffEvent })
  vi.advanceTimersByTime(10_000)
  expect(kill).not.toHaveBeenCalled()
  expect(await failureAfter(start, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })

  const { start: other, kill: killOther } = begin()
  other.onReport(old, { event: { ...stray, peer: own } as HandoffEvent })
  vi.advanceTimersByTime(10_000)
  expect(killOther).toHaveBeenCalled()
  expect(await failureAfter(other, exited)).toMatchObject({ code: 'ERR_HANDOFF_UNHEALTHY' })
})

test('a process that hangs after the commit has that as its reason', async () => {
  const { start } = begin()
  start.onReport(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  start.onHung('sent no report for 4 s after the commit')
  expect(await failureAfter(start, { code: null, signal: 'SIGKILL' })).toMatchObject({
    code: 'ERR_HANDOFF_TIMEOUT',
    message: expect.stringContaining('it sent no report for 4 s after the commit, and was killed'),
  })
})

test.each(['ramp', 'drain'] as const)(
  'after the commit of the old process (%s) it has 10 s, however long its ready timeout is',
  (stage) => {
    const { start, kill } = begin(600_000)
    start.onReport(own, joined)
    start.onReport(old, event(old, { type: 'stage', stage, detail: '' }))
    vi.advanceTimersByTime(9_999)
    expect(kill).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(kill).toHaveBeenCalled()
  },
)

test.each(['ramp', 'drain'] as const)(
  'the report of the old process (%s) that comes after the one that it serves ends nothing',
  async (stage) => {
    const { start, kill } = begin()
    start.onReport(own, event(own, { type: 'serving', replaces: null, listeners: [] }))
    // In the same turn: the result is not followed yet.
    start.onReport(old, event(old, { type: 'stage', stage, detail: '' }))
    start.onReport(own, { extendMs: 1_000 })
    expect(await start.result).toMatchObject({ ok: true })
    vi.advanceTimersByTime(600_000)
    expect(kill).not.toHaveBeenCalled()
  },
)

test('an exception of another process is not its reason', async () => {
  const { start } = begin()
  start.onReport(old, { exception: 'SyntaxError: x' })
  expect(await failureAfter(start, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('the old process tells the reason, unless it only saw the new one go', async () => {
  const { start } = begin()
  start.onReport(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  expect(await failureAfter(start, exited)).toMatchObject({ code: 'ERR_HANDOFF_UNHEALTHY' })

  const { start: other } = begin()
  other.onReport(old, aborted(old, 'ERR_HANDOFF_PEER_GONE'))
  expect(await failureAfter(other, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('a process that neither serves nor ends is killed, after its own deadline and a margin', async () => {
  const { start, kill } = begin(2_000)
  vi.advanceTimersByTime(6_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
  const failure = await failureAfter(start, { code: null, signal: 'SIGKILL' })
  expect(failure).toMatchObject({
    code: 'ERR_HANDOFF_TIMEOUT',
    message: expect.stringContaining('it has not listened on any port'),
  })
})

test('the deadline is one minute and the margin by default', () => {
  const { kill } = begin()
  vi.advanceTimersByTime(64_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
})

test('a process that asks for more time gets it', () => {
  const { start, kill } = begin(1_000)
  start.onReport(own, { extendMs: 90_000 })
  vi.advanceTimersByTime(94_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
})

test('a process that asks for less than it has keeps what it has', () => {
  const { start, kill } = begin(60_000)
  start.onReport(own, { extendMs: 1_000 })
  vi.advanceTimersByTime(64_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
})

test('a process that has aborted and does not end is killed soon', async () => {
  const { start, kill } = begin()
  start.onReport(own, joined)
  start.onReport(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  vi.advanceTimersByTime(5_000)
  expect(kill).toHaveBeenCalledTimes(1)
  const failure = await failureAfter(start, { code: null, signal: 'SIGKILL' })
  expect(failure.code).toBe('ERR_HANDOFF_UNHEALTHY')
})

test('nothing is killed after the end', () => {
  const { start, kill } = begin()
  start.onExit(exited)
  vi.advanceTimersByTime(100_000)
  expect(kill).not.toHaveBeenCalled()
})

test('a process that begins anew is judged by its second handoff', async () => {
  const { start, kill } = begin(60_000)
  start.onReport(own, joined)
  start.onReport(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  start.onReport(own, { ...joined, extendMs: 60_000 })
  // A word about the first one, which comes late.
  start.onReport(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  vi.advanceTimersByTime(30_000)
  expect(kill).not.toHaveBeenCalled()
  const failure = await failureAfter(start, exited)
  expect(failure).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
  expect(failure.message).toContain('exited with code 3')
})
