// The first start waits while a process of an earlier supervisor takes over, and no longer than that.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Program } from '../../../../packages/handoff/src/supervisor/program/program.ts'
import { emptyRegistry } from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import { ForeignHandoff } from '../../../../packages/handoff/src/supervisor/worker/start/foreign-handoff.ts'
import type { StartOptions } from '../../../../packages/handoff/src/supervisor/worker/start/start-options.ts'
import { Starter } from '../../../../packages/handoff/src/supervisor/worker/start/starter.ts'
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
    const handoff = new ForeignHandoff()
    handoff.begin()
    const waiting = handoff.wait(65_000)
    handoff.onEvent(ofType('status'))
    expect(await settled(waiting)).toBeUndefined()
    handoff.onEvent(ofType(type))
    expect(await waiting).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('what has been reported since the start began is not waited for', async () => {
  const handoff = new ForeignHandoff()
  handoff.onEvent(ofType('serving'))
  handoff.begin()
  handoff.onExit()
  expect(await handoff.wait(65_000)).toBe(true)
  handoff.begin()
  expect(await settled(handoff.wait(65_000))).toBeUndefined()
})

test('a report that was lost does not matter, and the deadline is one for all tries', async () => {
  const handoff = new ForeignHandoff()
  for (let tries = 0; tries < 13; tries++) {
    handoff.begin()
    const waiting = handoff.wait(65_000)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await waiting).toBe(true)
  }
  handoff.begin()
  expect(await handoff.wait(65_000)).toBe(false)
})

test('a stop ends the waiting', async () => {
  const handoff = new ForeignHandoff()
  handoff.begin()
  const waiting = handoff.wait(65_000)
  handoff.stop()
  expect(await waiting).toBe(false)
  expect(await handoff.wait(65_000)).toBe(false)
})

test('the first start is tried again for as long as a foreign handoff is in its way', async () => {
  const exited = { code: 1, signal: null } as const
  const busy = {
    code: 'ERR_HANDOFF_BUSY',
    message: 'm',
    stage: 'discover',
    serving: 'old',
  } as const
  let pid = 10
  let mayRetry = true
  const generations = {
    ...{ registry: { ...emptyRegistry }, serving: undefined },
    spawn: async () => ++pid,
    signal: vi.fn(),
    findSilentHolders: () => [],
  }
  const options = {
    ...{ number: 1, timeouts: {}, directory: {}, inherited: [] },
    ...{ others: () => [], announce: vi.fn(), onWaiting: vi.fn() },
  } as unknown as StartOptions
  const starter = new Starter(options, {
    generations,
    store: { all: [] },
    prepare: async () => {},
    mayRetry: () => mayRetry,
    onSpawned: vi.fn(),
  })
  const result = starter.start({ program: { entry: 'server.js' } as Program })
  const fail = async (expected: number) => {
    await vi.waitUntil(() => starter.pid === expected)
    const event = { ...busy, type: 'aborted', pid: expected, generation: 0, elapsedMs: 1 } as const
    starter.onReport(expected, { event })
    starter.onExit(expected, exited)
  }
  for (const expected of [11, 12]) {
    await fail(expected)
    await vi.advanceTimersByTimeAsync(5_000)
  }
  expect(options.announce).toHaveBeenCalledTimes(1)
  expect(starter.busy).toBe(true)
  mayRetry = false
  await fail(13)
  expect(await result).toMatchObject({ ok: false, failure: { code: 'ERR_HANDOFF_BUSY' } })
  expect(starter.busy).toBe(false)
})

test('an error that was not expected is the result of the start', async () => {
  const starter = new Starter({ timeouts: {}, others: () => [] } as unknown as StartOptions, {
    generations: { serving: {} } as never,
    store: { all: [] },
    prepare: () => Promise.reject(new TypeError('not foreseen')),
    mayRetry: () => false,
    onSpawned: vi.fn(),
  })
  const request = { program: { entry: 'server.js' } as Program }
  const result = starter.start(request)
  expect(() => starter.start(request)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_BUSY' }),
  )
  expect(await result).toMatchObject({
    ...{ ok: false, serving: 'old' },
    failure: {
      code: 'ERR_HANDOFF_SPAWN_FAILED',
      message: expect.stringContaining('cannot start server.js: not foreseen'),
    },
  })
})
