import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Recovery } from '../../../../packages/handoff/src/supervisor/worker/recovery.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const killed = { code: null, signal: 'SIGKILL' } as const
const why = 'generation 1 (pid 10) was killed by SIGKILL'
const nobody = { serves: false, mayTakeBack: false }
const olderAlive = { serves: false, mayTakeBack: true }
const somebody = { serves: true, mayTakeBack: false }

function recovery() {
  const mayFinish = vi.fn(() => true)
  const handlers = {
    restart: vi.fn(),
    mayFinish,
    finish: vi.fn(),
    onPause: vi.fn(),
    onNoTakeBack: vi.fn(),
  }
  return { ...handlers, recovery: new Recovery(handlers) }
}

test('a crash is followed by a start, after a pause that the status tells', () => {
  const { recovery: it, restart, onPause } = recovery()
  it.onLoss({ exit: killed, servedMs: 5, why })
  it.update(nobody)
  it.update(nobody)

  expect(onPause.mock.calls).toEqual([[100, why]])
  expect(it.backoff).toMatchObject({ crashes: 1, why })
  vi.advanceTimersByTime(99)
  expect(restart).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(restart).toHaveBeenCalledTimes(1)
})

test('while an older process can take back, nothing is started', () => {
  const { recovery: it, restart, onPause } = recovery()
  it.onLoss({ exit: killed, servedMs: 5, why })
  it.update(olderAlive)
  vi.advanceTimersByTime(4_999)
  expect(onPause).not.toHaveBeenCalled()

  it.update(somebody)
  vi.advanceTimersByTime(60_000)
  expect(restart).not.toHaveBeenCalled()
})

test('an older process that neither takes back nor ends is not waited for for ever', () => {
  const { recovery: it, restart, onNoTakeBack } = recovery()
  it.onLoss({ exit: killed, servedMs: 5, why })
  it.update(olderAlive)
  vi.advanceTimersByTime(4_999)
  expect(onNoTakeBack).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1 + 100)
  expect(onNoTakeBack.mock.calls).toEqual([[5_000]])
  expect(restart).toHaveBeenCalledTimes(1)
})

test('the end of the last older process is the end of waiting', () => {
  const { recovery: it, restart } = recovery()
  it.onLoss({ exit: killed, servedMs: 5, why })
  it.update(olderAlive)
  it.update(nobody)
  vi.advanceTimersByTime(100)
  expect(restart).toHaveBeenCalledTimes(1)
})

test('a server that exits with 0 has ended by itself', () => {
  const { recovery: it, finish, onPause } = recovery()
  it.onLoss({ exit: { code: 0, signal: null }, servedMs: 5, why })
  it.update(nobody)
  expect(finish).toHaveBeenCalledTimes(1)
  expect(onPause).not.toHaveBeenCalled()
})

test('one of several that exits with 0 is started again, as after a crash', () => {
  const { recovery: it, mayFinish, finish, onPause } = recovery()
  mayFinish.mockReturnValue(false)
  it.onLoss({ exit: { code: 0, signal: null }, servedMs: 5, why })
  it.update(nobody)
  expect(finish).not.toHaveBeenCalled()
  expect(onPause).toHaveBeenCalledTimes(1)
})

test('exit code 0 of a process that never served is a failure', () => {
  const { recovery: it, finish, onPause } = recovery()
  it.onLoss({ exit: { code: 0, signal: null }, servedMs: 0, why })
  it.update(nobody)
  expect(finish).not.toHaveBeenCalled()
  expect(onPause).toHaveBeenCalledTimes(1)
})

test('nothing is decided before anything was lost', () => {
  const { recovery: it, restart, onPause } = recovery()
  it.update(nobody)
  vi.advanceTimersByTime(60_000)
  expect([onPause, restart].every((handler) => handler.mock.calls.length === 0)).toBe(true)
})

test('a start by other means takes the place of the one that waits', () => {
  const { recovery: it, restart } = recovery()
  it.onLoss({ exit: killed, servedMs: 5, why })
  it.update(nobody)
  it.cancel()
  vi.advanceTimersByTime(60_000)
  expect(restart).not.toHaveBeenCalled()
  expect(it.backoff).toBeNull()
})
