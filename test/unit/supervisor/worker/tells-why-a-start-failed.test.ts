import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Exit } from '../../../../packages/handoff/src/supervisor/registry/exit.ts'
import { Attempt } from '../../../../packages/handoff/src/supervisor/worker/start/attempt.ts'
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
  const attempt = new Attempt({ pid: own, entry: 'server.js', readyTimeoutMs, kill })
  return { attempt, kill }
}

function event(pid: number, body: HandoffEventBody): { event: HandoffEvent } {
  return { event: { ...body, pid, generation: 2, elapsedMs: 1 } as HandoffEvent }
}

function aborted(pid: number, code: 'ERR_HANDOFF_UNHEALTHY' | 'ERR_HANDOFF_PEER_GONE') {
  const message = `said by ${pid}`
  return event(pid, { type: 'aborted', stage: 'ready', code, message, serving: 'old' })
}

const joined = event(own, { type: 'stage', stage: 'discover', detail: '' })

async function failureAfter(
  attempt: Attempt,
  exit: Exit,
): Promise<{ code: string; message: string }> {
  attempt.exited(exit)
  const outcome = await attempt.outcome
  if (outcome.ok) throw new Error('it served')
  return outcome.failure
}

const exited = { code: 3, signal: null } as const

test('a process that serves is the outcome', async () => {
  const { attempt } = begin()
  attempt.heard(own, event(own, { type: 'serving', replaces: null, listeners: ['tcp:a:1'] }))
  expect(await attempt.outcome).toEqual({
    ok: true,
    pid: own,
    generation: 2,
    listeners: ['tcp:a:1'],
    replaces: null,
  })
})

test('its status makes up for a lost word of the commit', async () => {
  const { attempt } = begin()
  const nothing = { listeners: [], connections: 0, open: {}, fates: noFates }
  const status = { type: 'status', ...nothing } as const
  attempt.heard(own, event(own, { ...status, stage: 'adopt' }))
  attempt.heard(own, event(own, { ...status, stage: 'serving' }))
  expect(await attempt.outcome).toMatchObject({ ok: true, pid: own, generation: 2 })
})

test('that another process serves is not', async () => {
  const { attempt } = begin()
  attempt.heard(old, event(old, { type: 'serving', replaces: null, listeners: [] }))
  expect(await failureAfter(attempt, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('an exit code says little, a signal too', async () => {
  const { attempt } = begin()
  attempt.heard(own, joined)
  const failure = await failureAfter(attempt, exited)
  expect(failure.message).toContain('exited with code 3 before it served.')

  const { attempt: other } = begin()
  const killed = await failureAfter(other, { code: null, signal: 'SIGSEGV' })
  expect(killed.message).toContain('killed by SIGSEGV')
})

test('an entry that never listens is told so', async () => {
  const { attempt } = begin()
  const { message } = await failureAfter(attempt, { code: 0, signal: null })
  expect(message).toContain('it has not listened on any port or Unix path that can be handed over')
})

test('an exit code says enough: that nothing listened does not explain it', async () => {
  const { attempt } = begin()
  const { message } = await failureAfter(attempt, { code: 3, signal: null })
  expect(message).toContain('exited with code 3 before it served')
  expect(message).not.toContain('listened')
})

test('one that was killed may have been about to listen', async () => {
  const { attempt } = begin()
  const { message } = await failureAfter(attempt, { code: null, signal: 'SIGKILL' })
  expect(message).toContain('was killed by SIGKILL before it served; by hand, or by the kernel')
  expect(message).not.toContain('listens')
})

test('an exception says more than an exit, the word of the process more than its exception', async () => {
  const { attempt } = begin()
  attempt.heard(own, { exception: 'SyntaxError: x' })
  expect(await failureAfter(attempt, exited)).toMatchObject({
    code: 'ERR_HANDOFF_APP_FAILED',
    message: expect.stringContaining('SyntaxError: x'),
  })

  const { attempt: other } = begin()
  other.heard(own, { exception: 'SyntaxError: x' })
  other.heard(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  expect(await failureAfter(other, exited)).toEqual({
    code: 'ERR_HANDOFF_UNHEALTHY',
    message: `said by ${own}`,
  })
})

test('that the old process gave up on another process is not its reason, and ends nothing', async () => {
  const { attempt, kill } = begin()
  const { event: stray } = aborted(old, 'ERR_HANDOFF_UNHEALTHY')
  attempt.heard(old, { event: { ...stray, peer: own + 1 } as HandoffEvent })
  vi.advanceTimersByTime(10_000)
  expect(kill).not.toHaveBeenCalled()
  expect(await failureAfter(attempt, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })

  const { attempt: other, kill: killOther } = begin()
  other.heard(old, { event: { ...stray, peer: own } as HandoffEvent })
  vi.advanceTimersByTime(10_000)
  expect(killOther).toHaveBeenCalled()
  expect(await failureAfter(other, exited)).toMatchObject({ code: 'ERR_HANDOFF_UNHEALTHY' })
})

test('a process that hangs after the commit has that as its reason', async () => {
  const { attempt } = begin()
  attempt.heard(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  attempt.hung('said nothing for 4 s after the commit')
  expect(await failureAfter(attempt, { code: null, signal: 'SIGKILL' })).toMatchObject({
    code: 'ERR_HANDOFF_TIMEOUT',
    message: expect.stringContaining('it said nothing for 4 s after the commit, and was killed'),
  })
})

test('after the commit of the old process it has 10 s, however long its ready timeout is', () => {
  const { attempt, kill } = begin(600_000)
  attempt.heard(own, joined)
  attempt.heard(old, event(old, { type: 'stage', stage: 'drain', detail: '' }))
  vi.advanceTimersByTime(9_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalled()
})

test('an exception of another process is not its reason', async () => {
  const { attempt } = begin()
  attempt.heard(old, { exception: 'SyntaxError: x' })
  expect(await failureAfter(attempt, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('the old process tells the reason, unless it only saw the new one go', async () => {
  const { attempt } = begin()
  attempt.heard(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  expect(await failureAfter(attempt, exited)).toMatchObject({ code: 'ERR_HANDOFF_UNHEALTHY' })

  const { attempt: other } = begin()
  other.heard(old, aborted(old, 'ERR_HANDOFF_PEER_GONE'))
  expect(await failureAfter(other, exited)).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
})

test('a process that neither serves nor ends is killed, after its own deadline and a margin', async () => {
  const { attempt, kill } = begin(2_000)
  vi.advanceTimersByTime(6_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
  const failure = await failureAfter(attempt, { code: null, signal: 'SIGKILL' })
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
  const { attempt, kill } = begin(1_000)
  attempt.heard(own, { extendMs: 90_000 })
  vi.advanceTimersByTime(94_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
})

test('a process that asks for less than it has keeps what it has', () => {
  const { attempt, kill } = begin(60_000)
  attempt.heard(own, { extendMs: 1_000 })
  vi.advanceTimersByTime(64_999)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledTimes(1)
})

test('a process that has aborted and does not end is killed soon', async () => {
  const { attempt, kill } = begin()
  attempt.heard(own, joined)
  attempt.heard(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  vi.advanceTimersByTime(5_000)
  expect(kill).toHaveBeenCalledTimes(1)
  const failure = await failureAfter(attempt, { code: null, signal: 'SIGKILL' })
  expect(failure.code).toBe('ERR_HANDOFF_UNHEALTHY')
})

test('nothing is killed after the end', () => {
  const { attempt, kill } = begin()
  attempt.exited(exited)
  vi.advanceTimersByTime(100_000)
  expect(kill).not.toHaveBeenCalled()
})

test('a process that begins anew is judged by its second handoff', async () => {
  const { attempt, kill } = begin(60_000)
  attempt.heard(own, joined)
  attempt.heard(own, aborted(own, 'ERR_HANDOFF_UNHEALTHY'))
  attempt.heard(own, { ...joined, extendMs: 60_000 })
  // A word about the first one, which comes late.
  attempt.heard(old, aborted(old, 'ERR_HANDOFF_UNHEALTHY'))
  vi.advanceTimersByTime(30_000)
  expect(kill).not.toHaveBeenCalled()
  const failure = await failureAfter(attempt, exited)
  expect(failure).toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
  expect(failure.message).toContain('exited with code 3')
})
