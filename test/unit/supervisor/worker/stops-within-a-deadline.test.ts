import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Generations } from '../../../../packages/handoff/src/supervisor/processes/generations.ts'
import { Shutdown } from '../../../../packages/handoff/src/supervisor/worker/stop/shutdown.ts'
import { WorkerStop } from '../../../../packages/handoff/src/supervisor/worker/stop/worker-stop.ts'

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
  const shutdown = new Shutdown(generations, {
    ...{ drainTimeoutMs, patienceMs },
    ...{ onImpatient, onDeadline, onStuck },
  })
  return { shutdown, signal, signalAll, onImpatient, onDeadline, onStuck }
}

test('every process is asked once, and one that turns up later too', () => {
  const { shutdown, signal } = stop()
  shutdown.ask(10)
  shutdown.ask(30)
  shutdown.ask(30)
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
  const { shutdown, signalAll } = stop(2_000)
  shutdown.extend(60_000)
  vi.advanceTimersByTime(69_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(signalAll).toHaveBeenCalledTimes(1)
})

test('a process that asks for less than is left takes none away', () => {
  const { shutdown, signalAll } = stop(60_000)
  shutdown.extend(2_000)
  vi.advanceTimersByTime(69_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(signalAll).toHaveBeenCalledTimes(1)
})

test('a second signal kills at once and decides the exit code', () => {
  const { shutdown, signalAll } = stop()
  shutdown.kill(130)
  expect(signalAll.mock.calls).toEqual([['SIGKILL']])
  expect(shutdown.code).toBe(130)
})

test('what the kernel does not let go is left, 10 s after it was killed', () => {
  for (const kill of [
    () => vi.advanceTimersByTime(12_000),
    (shutdown: Shutdown) => shutdown.kill(130),
  ]) {
    const { shutdown, onStuck } = stop(2_000)
    kill(shutdown)
    vi.advanceTimersByTime(9_999)
    expect(onStuck).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(onStuck.mock.calls).toEqual([[[10, 20]]])
    shutdown.close()
  }
})

test('nothing is killed after the end', () => {
  const { shutdown, signalAll } = stop()
  shutdown.close()
  vi.advanceTimersByTime(100_000)
  expect(signalAll).not.toHaveBeenCalled()
})

test('with a patience processes are asked again, and killed a second later', () => {
  const { shutdown, signalAll, onImpatient } = stop(undefined, 2_000)
  // What a process asks for is for its drain, which is not waited for.
  shutdown.extend(60_000)
  vi.advanceTimersByTime(1_999)
  expect(signalAll).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(onImpatient).toHaveBeenCalledTimes(1)
  expect(signalAll.mock.calls).toEqual([['SIGTERM']])
  vi.advanceTimersByTime(1_000)
  expect(signalAll.mock.calls).toEqual([['SIGTERM'], ['SIGKILL']])
})

test('signs of life, which have the end of a probation, do not put off the deadline', () => {
  const processes = new Map([[10, {}]])
  const signalAll = vi.fn()
  const generations = {
    ...{ registry: { processes }, signal: vi.fn(), signalAll },
  } as unknown as Generations
  const announce = vi.fn()
  const options = { name: 'web', timeouts: { drainTimeoutMs: 2_000 }, announce }
  const stop = new WorkerStop(generations, options, vi.fn())
  stop.onReport(10, { extendMs: 60_000 })
  expect(stop.leftMs).toBe(0)
  stop.begin()
  expect(stop.leftMs).toBe(12_000)
  stop.onReport(10, { alive: true, extendMs: 10_000 })
  expect(stop.leftMs).toBe(12_000)
  vi.advanceTimersByTime(12_000)
  expect(signalAll.mock.calls).toEqual([['SIGKILL']])
  expect(announce).toHaveBeenCalledTimes(1)

  // What a process asks for by itself counts: its code, or an exit hook, needs longer.
  const longer = new WorkerStop(generations, options, vi.fn())
  longer.begin()
  longer.onReport(10, { extendMs: 10_000 })
  expect(longer.leftMs).toBe(20_000)
  longer.end()
})
