import { describe, expect, test, vi } from 'vitest'
import { readReadyRule, WhenReady } from '../../packages/handoff/src/register/when-ready.ts'
import { FakeSystem } from '../stage/fake-system.ts'

/** A process of a generation, which lacks so many listeners of the old process. */
function begin(rule: 'message' | number, generation: number, unclaimed: number) {
  const system = new FakeSystem()
  const whenReady = new WhenReady(rule, (ms, callback) => system.timer(ms, callback))
  const candidate = { generation, unclaimed, ready: vi.fn(async () => {}) }
  const listen = (left: number) => {
    whenReady.begin()
    candidate.unclaimed = left
    whenReady.end(candidate)
  }
  return { system, whenReady, candidate, listen, ready: candidate.ready }
}

test('HANDOFF_READY is empty, a time, or "message"', () => {
  expect(readReadyRule(undefined)).toBe(1_000)
  expect(readReadyRule('')).toBe(1_000)
  expect(readReadyRule('0')).toBe(0)
  expect(readReadyRule('250')).toBe(250)
  expect(readReadyRule('message')).toBe('message')
  for (const text of ['ready', ' ', '-1', '1s', '2147483648']) {
    expect(() => readReadyRule(text)).toThrow(/HANDOFF_READY/)
  }
})

describe('by its listeners', () => {
  test('the first generation with its first listen', () => {
    const { listen, ready } = begin(1_000, 1, 0)
    listen(0)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('but not while another listen is under way', () => {
    const { whenReady, listen, candidate, ready } = begin(1_000, 1, 0)
    whenReady.begin()
    listen(0)
    expect(ready).not.toHaveBeenCalled()
    whenReady.end(candidate)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('a replacement when it has every listener of the old process', () => {
    const { listen, ready, system } = begin(1_000, 2, 3)
    listen(2)
    listen(1)
    expect(ready).not.toHaveBeenCalled()
    listen(0)
    expect(ready).toHaveBeenCalledOnce()
    expect(system.pendingTimers).toBe(0)
  })

  test('without all of them so long after its last listen', () => {
    const { listen, ready, system } = begin(1_000, 2, 3)
    listen(2)
    system.advance(999)
    listen(1)
    system.advance(999)
    expect(ready).not.toHaveBeenCalled()
    system.advance(1)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('a listen that fails is none', () => {
    const { whenReady, ready, system } = begin(1_000, 2, 0)
    whenReady.begin()
    whenReady.end(undefined)
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
  })

  test('one that fails after another has succeeded does not hold it up', () => {
    const { whenReady, listen, ready, system } = begin(1_000, 2, 2)
    listen(1)
    whenReady.begin()
    whenReady.end(undefined)
    system.advance(1_000)
    expect(ready).toHaveBeenCalledOnce()
  })
})

describe('by its message', () => {
  test.each([1, 2])('generation %i: after it listens', (generation) => {
    const { whenReady, listen, ready, system } = begin('message', generation, 0)
    listen(0)
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    whenReady.tell()
    expect(ready).toHaveBeenCalledOnce()
  })

  test('told before it listens, with its listen', () => {
    const { whenReady, listen, ready } = begin('message', 2, 5)
    whenReady.tell()
    expect(ready).not.toHaveBeenCalled()
    listen(4)
    expect(ready).toHaveBeenCalledOnce()
  })
})
