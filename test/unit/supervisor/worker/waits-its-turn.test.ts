// The first start waits while a process of an earlier supervisor takes over, and no longer than that.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Program } from '../../../../packages/handoff/src/supervisor/program/program.ts'
import { Launcher } from '../../../../packages/handoff/src/supervisor/worker/start/launcher.ts'
import { Turn } from '../../../../packages/handoff/src/supervisor/worker/start/turn.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const ofType = (type: HandoffEvent['type']) => ({ type }) as HandoffEvent

async function settled(promise: Promise<boolean>): Promise<boolean | undefined> {
  await vi.advanceTimersByTimeAsync(0)
  return await Promise.race([promise, Promise.resolve(undefined)])
}

test.each(['serving', 'aborted', 'taken-back'] as const)(
  'it tries again when another process reports %s',
  async (type) => {
    const turn = new Turn()
    turn.begin()
    const waiting = turn.wait(65_000)
    turn.heard(ofType('status'))
    expect(await settled(waiting)).toBeUndefined()
    turn.heard(ofType(type))
    expect(await waiting).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('what has been reported since the start began is not waited for', async () => {
  const turn = new Turn()
  turn.heard(ofType('serving'))
  turn.begin()
  turn.gone()
  expect(await turn.wait(65_000)).toBe(true)
  turn.begin()
  expect(await settled(turn.wait(65_000))).toBeUndefined()
})

test('a report that was lost does not matter, and the deadline is one for all tries', async () => {
  const turn = new Turn()
  for (let tries = 0; tries < 13; tries++) {
    turn.begin()
    const waiting = turn.wait(65_000)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await waiting).toBe(true)
  }
  turn.begin()
  expect(await turn.wait(65_000)).toBe(false)
})

test('a stop ends the waiting', async () => {
  const turn = new Turn()
  turn.begin()
  const waiting = turn.wait(65_000)
  turn.stop()
  expect(await waiting).toBe(false)
  expect(await turn.wait(65_000)).toBe(false)
})

test('the launcher starts once more for as long as it is told to', async () => {
  const exited = { code: 1, signal: null } as const
  const mayRetry = vi.fn(() => Promise.resolve(true))
  let pid = 10
  const launcher = new Launcher({ spawn: async () => ++pid, kill: vi.fn(), mayRetry })
  const launched = launcher.launch({ entry: 'server.js' } as Program)
  for (const expected of [11, 12]) {
    await vi.waitUntil(() => launcher.pid === expected)
    launcher.exited(expected, exited)
  }
  await vi.waitUntil(() => launcher.pid === 13)
  expect(launcher.busy).toBe(true)
  mayRetry.mockResolvedValueOnce(false)
  launcher.exited(13, exited)
  expect(await launched).toMatchObject({ ok: false, failure: { code: 'ERR_HANDOFF_EXITED' } })
  expect(mayRetry).toHaveBeenCalledTimes(3)
  expect(launcher.busy).toBe(false)
})
