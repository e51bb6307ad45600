import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Generations } from '../../../../packages/handoff/src/supervisor/processes/generations.ts'
import { Stopping } from '../../../../packages/handoff/src/supervisor/worker/stop/stopping.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function stop(drainTimeoutMs?: number, patienceMs?: number) {
  const signal = vi.fn()
  const signalAll = vi.fn()
  const onDeadline = vi.fn()
  const processes = new Map([10, 20].map((pid) => [pid, {}]))
  const generations = { registry: { processes }, signal, signalAll } as unknown as Generations
  const onImpatient = vi.fn()
  const onStuck = vi.fn()
  const stopping = new Stopping(generations, {
    ...{ code: 0, drainTimeoutMs, patienceMs },
    ...{ onImpatient, onDeadline, onStuck },
  })
  return { stopping, signal, signalAll, onImpatient, onDeadline, onStuck }
}

test('every process is asked once, and one that turns up later too', () => {
  const { stopping, signal } = stop()
  stopping.tell(10)
  stopping.tell(30)
  stopping.tell(30)
  expect(signal.mock.calls).toEqual([
    [10, 'SIGTERM'],
    [20, 'SIGTERM'],
    [30, 'SIGTERM'],
  ])
})

test('what hangs is killed after the time to drain and a margin', () => {
  const { signalAll, onDeadline } = stop(2_000)
  vi.advanceTimersByTime(11_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(signalAll.mock.calls).toEqual([['SIGKILL']])
  expect(onDeadline).toHaveBeenCalledTimes(1)
})

test('a process that asks for more time gets it', () => {
  const { stopping, signalAll } = stop(2_000)
  stopping.extend(60_000)
  vi.advanceTimersByTime(69_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(signalAll).toHaveBeenCalledTimes(1)
})

test('a process that asks for less than is left takes none away', () => {
  const { stopping, signalAll } = stop(60_000)
  stopping.extend(2_000)
  vi.advanceTimersByTime(69_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(signalAll).toHaveBeenCalledTimes(1)
})

test('a second signal kills at once and decides the exit code', () => {
  const { stopping, signalAll } = stop()
  stopping.force(130)
  expect(signalAll.mock.calls).toEqual([['SIGKILL']])
  expect(stopping.code).toBe(130)
})

test('what the kernel does not let go is left, 10 s after it was killed', () => {
  for (const kill of [
    () => vi.advanceTimersByTime(12_000),
    (stopping: Stopping) => stopping.force(130),
  ]) {
    const { stopping, onStuck } = stop(2_000)
    kill(stopping)
    vi.advanceTimersByTime(9_999)
    expect(onStuck).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(onStuck.mock.calls).toEqual([[[10, 20]]])
    stopping.close()
  }
})

test('nothing is killed after the end', () => {
  const { stopping, signalAll } = stop()
  stopping.close()
  vi.advanceTimersByTime(100_000)
  expect(signalAll).not.toHaveBeenCalled()
})

test('with a patience processes are asked again, and killed a second later', () => {
  const { stopping, signalAll, onImpatient } = stop(undefined, 2_000)
  // What a process asks for is for its drain, which is not waited for.
  stopping.extend(60_000)
  vi.advanceTimersByTime(1_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(onImpatient).toHaveBeenCalledTimes(1)
  expect(signalAll.mock.calls).toEqual([['SIGTERM']])
  vi.advanceTimersByTime(1_000)
  expect(signalAll.mock.calls).toEqual([['SIGTERM'], ['SIGKILL']])
})
