import { describe, expect, test, vi } from 'vitest'
import {
  type ReadyRule,
  readReadyRule,
  WhenReady,
} from '../../../packages/handoff/src/preload/readiness/when-ready.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

/** Longer than the listeners have to be quiet, in milliseconds. */
const quietMs = 100

/** A process that lacks these listeners of the old process. */
function begin(rule: ReadyRule, missing: string[] = []) {
  const system = new FakeSystem()
  const whenReady = new WhenReady(rule, (ms, callback) => system.timer(ms, callback))
  const candidate = {
    listens: false,
    missing,
    warmUp: vi.fn((): Promise<void> | undefined => undefined),
    mayProbe: true,
    ready: vi.fn(async () => {}),
    onMissing: vi.fn(),
  }
  const listen = (...left: string[]) => {
    whenReady.begin()
    candidate.listens = true
    candidate.missing = left
    whenReady.end(candidate)
  }
  const close = (...left: string[]) => {
    candidate.listens = false
    candidate.missing = left
    whenReady.changed()
  }
  const fail = () => {
    whenReady.begin()
    whenReady.end(candidate)
  }
  return { system, whenReady, candidate, listen, close, fail, ready: candidate.ready }
}

test('HANDOFF_READY is empty, a time, or "message"', () => {
  expect(readReadyRule(undefined)).toBe('listeners')
  expect(readReadyRule('')).toBe('listeners')
  expect(readReadyRule('0')).toBe(0)
  expect(readReadyRule('250')).toBe(250)
  expect(readReadyRule('message')).toBe('message')
  for (const text of ['ready', ' ', '-1', '1s', '2147483648']) {
    expect(() => readReadyRule(text)).toThrow(/HANDOFF_READY/)
  }
})

describe('by its listeners', () => {
  test('with the last one, when nothing has changed for a moment', () => {
    const { listen, ready, system } = begin('listeners')
    listen('a', 'b')
    listen('a')
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    listen()
    expect(ready, 'it may be a probe').not.toHaveBeenCalled()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
    expect(system.pendingTimers).toBe(0)
  })

  test('each part of the moment takes a turn of the event loop', () => {
    const { whenReady, candidate, system, ready } = begin('listeners')
    candidate.listens = true
    const timers: (() => void)[] = []
    const turns = new WhenReady('listeners', (ms, callback) => {
      timers.push(callback)
      return system.timer(ms, () => {})
    })
    turns.begin()
    turns.end(candidate)
    // A program that computes for a second finds one timer due after it, not all of them.
    for (let turn = 1; turn < 5; turn++) timers.shift()?.()
    expect(ready).not.toHaveBeenCalled()
    timers.shift()?.()
    expect(ready).toHaveBeenCalledOnce()
    whenReady.changed()
  })

  test('after two turns of 1 ms if its servers are no probes', () => {
    const { listen, candidate, ready, system } = begin('listeners')
    candidate.mayProbe = false
    listen()
    system.advance(1)
    expect(ready).not.toHaveBeenCalled()
    system.advance(1)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('a probe that listens, closes and listens again is not taken for ready', () => {
    const { listen, close, ready, system } = begin('listeners', ['a'])
    for (let probe = 0; probe < 5; probe++) {
      listen()
      system.advance(quietMs / 4)
      close('a')
      system.advance(quietMs)
    }
    expect(ready).not.toHaveBeenCalled()
    listen()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('the first generation when it listens, and not between two probes', () => {
    const { listen, close, ready, system } = begin('listeners')
    listen()
    close()
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    listen()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('not while another listen is under way', () => {
    const { whenReady, listen, candidate, ready, system } = begin('listeners')
    whenReady.begin()
    listen()
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    whenReady.end(candidate)
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('a missing one is named once, after a second without another listen', () => {
    const { listen, close, candidate, ready, system } = begin('listeners', ['a', 'b', 'c'])
    listen('a', 'b')
    system.advance(999)
    listen('a')
    system.advance(999)
    expect(candidate.onMissing).not.toHaveBeenCalled()
    system.advance(1)
    expect(candidate.onMissing.mock.calls).toEqual([[['a']]])
    listen('a')
    system.advance(60_000)
    expect(candidate.onMissing).toHaveBeenCalledOnce()
    close('a', 'b')
    system.advance(1_000)
    expect(candidate.onMissing.mock.lastCall).toEqual([['a', 'b']])
    expect(ready).not.toHaveBeenCalled()
  })

  test('a listen that fails is none, and holds up no other', () => {
    const { fail, listen, ready, system } = begin('listeners')
    fail()
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    listen()
    fail()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('once: what listens later changes nothing', () => {
    const { listen, close, ready, system } = begin('listeners')
    listen()
    system.advance(quietMs)
    close()
    listen()
    system.advance(60_000)
    expect(ready).toHaveBeenCalledOnce()
  })
})

describe('so many milliseconds after its last listen', () => {
  test('without all of them', () => {
    const { listen, candidate, ready, system } = begin(1_000)
    listen('a', 'b')
    system.advance(999)
    listen('a')
    system.advance(999)
    expect(ready).not.toHaveBeenCalled()
    system.advance(1)
    expect(ready).toHaveBeenCalledOnce()
    expect(candidate.onMissing).not.toHaveBeenCalled()
  })

  test('with all of them without that time', () => {
    const { listen, ready, system } = begin(60_000)
    listen()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('not if it does not listen any more', () => {
    const { listen, close, ready, system } = begin(1_000)
    listen('a')
    close('a', 'b')
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
  })
})

describe('by its message', () => {
  test('after it listens', () => {
    const { whenReady, listen, ready, system } = begin('message')
    listen()
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    whenReady.programReady()
    expect(ready).toHaveBeenCalledOnce()
  })

  test('before it listens: with its listen', () => {
    const { whenReady, listen, ready } = begin('message')
    whenReady.programReady()
    expect(ready).not.toHaveBeenCalled()
    listen('a')
    expect(ready).toHaveBeenCalledOnce()
  })
})

describe('a program that listens on nothing', () => {
  test('is ready after a moment where the old process listens on nothing', () => {
    const { whenReady, candidate, ready, system } = begin('listeners')
    whenReady.allowNoListener(candidate)
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('waits where the old process listens', () => {
    const { whenReady, candidate, ready, system } = begin('listeners', ['a'])
    whenReady.allowNoListener(candidate)
    system.advance(1_000)
    expect(candidate.onMissing).toHaveBeenCalledWith(['a'])
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
  })

  test('is ready when a child listens, which nothing reports', () => {
    const { whenReady, candidate, ready, system } = begin('listeners', ['port 80 of pid 7'])
    whenReady.allowNoListener(candidate)
    system.advance(3_000)
    expect(candidate.onMissing).toHaveBeenCalledOnce()
    candidate.missing = []
    system.advance(1_000 + quietMs)
    expect(ready).toHaveBeenCalledOnce()
  })

  test('is ready by its message', () => {
    const { whenReady, candidate, ready } = begin('message')
    whenReady.allowNoListener(candidate)
    expect(ready).not.toHaveBeenCalled()
    whenReady.programReady()
    expect(ready).toHaveBeenCalledOnce()
  })
})

describe('with a warm-up', () => {
  /** A process whose warm-up ends when the test says so. */
  function warming(rule: ReadyRule, missing: string[] = []) {
    const begun = begin(rule, missing)
    const { candidate } = begun
    let end = () => {}
    const warmed = new Promise<void>((resolve) => {
      end = resolve
    })
    candidate.warmUp.mockReturnValueOnce(warmed)
    const endWarmUp = async () => {
      end()
      await warmed
      await Promise.resolve()
    }
    return { ...begun, endWarmUp }
  }

  test('as soon as it has ended', async () => {
    const { listen, ready, system, candidate, endWarmUp } = warming('listeners')
    listen()
    system.advance(60_000)
    expect(candidate.warmUp).toHaveBeenCalledTimes(1)
    expect(ready).not.toHaveBeenCalled()
    await endWarmUp()
    expect(ready).toHaveBeenCalledTimes(1)
    expect(candidate.warmUp).toHaveBeenCalledTimes(1)
  })

  test('a listener that was closed meanwhile is waited for, and there is no second warm-up', async () => {
    const { listen, close, ready, system, candidate, endWarmUp } = warming('listeners')
    listen()
    system.advance(quietMs)
    close('a')
    await endWarmUp()
    system.advance(60_000)
    expect(ready).not.toHaveBeenCalled()
    listen()
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledTimes(1)
    expect(candidate.warmUp).toHaveBeenCalledTimes(1)
  })

  test('a listen that is under way at its end is waited for', async () => {
    const { listen, ready, system, whenReady, candidate, endWarmUp } = warming('listeners')
    listen()
    system.advance(quietMs)
    whenReady.begin()
    await endWarmUp()
    expect(ready).not.toHaveBeenCalled()
    whenReady.end(candidate)
    system.advance(quietMs)
    expect(ready).toHaveBeenCalledTimes(1)
  })

  test('a time of HANDOFF_READY does not begin again', async () => {
    const { listen, ready, system, endWarmUp } = warming(30_000)
    listen('a')
    system.advance(30_000)
    await endWarmUp()
    expect(ready).toHaveBeenCalledTimes(1)
  })
})
