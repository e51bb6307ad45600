import { expect, test, vi } from 'vitest'
import type { Program } from '../../../packages/handoff/src/io/system/system.ts'
import { shareSignals } from '../../../packages/handoff/src/preload/share-signals.ts'
import { restartSignals } from '../../../packages/handoff/src/process/signals.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

/** A process whose program listens to the signals in `own`. */
function begin({ own = [], supervised = true }: { own?: string[]; supervised?: boolean } = {}) {
  const system = new FakeSystem()
  const heard = vi.fn()
  const program: Program = {
    listeners: (signal) => (own.includes(signal) ? [() => heard(signal)] : []),
    onSignal: (signals, listener) => system.onSignal(signals, listener),
    onSend: () => () => {},
    hasFlag: () => false,
    withholdFlags: () => {},
  }
  const handoff = {
    stop: vi.fn(() => new Promise<never>(() => {})),
    restart: vi.fn(async () => {}),
    onExit: vi.fn((_: () => void | Promise<void>) => () => {}),
  }
  shareSignals(handoff, restartSignals(supervised, false), program, system)
  const exitHook = handoff.onExit.mock.calls[0]?.[0] as () => void | Promise<void>
  return { system, handoff, heard, exitHook }
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops, a second one ends at once', (signal) => {
  const { system, handoff } = begin()
  system.signal(signal)
  expect(handoff.stop).toHaveBeenCalledOnce()
  system.signal(signal)
  expect(handoff.stop).toHaveBeenCalledOnce()
  expect(system.exits).toEqual([signal === 'SIGTERM' ? 143 : 130])
})

test('a signal that the program listens to is the program’s alone, at once and later', () => {
  const { system, handoff } = begin({ own: ['SIGTERM'] })
  system.signal('SIGTERM')
  expect(handoff.stop).not.toHaveBeenCalled()
  expect(system.signal('SIGTERM'), 'nobody of ours listens any more').toBe(false)
})

test('the other one is still ours', () => {
  const { system, handoff } = begin({ own: ['SIGTERM'] })
  system.signal('SIGINT')
  expect(handoff.stop).toHaveBeenCalledOnce()
})

test('SIGUSR2 restarts where no supervisor is, unless the program listens to it', () => {
  const alone = begin({ supervised: false })
  alone.system.signal('SIGUSR2')
  expect(alone.handoff.restart).toHaveBeenCalledOnce()
  expect(begin().system.signal('SIGUSR2')).toBe(false)
  const own = begin({ supervised: false, own: ['SIGUSR2'] })
  own.system.signal('SIGUSR2')
  expect(own.handoff.restart).not.toHaveBeenCalled()
})

test('before the exit the program’s listeners to SIGTERM run, with 10 s to end the process', async () => {
  const { system, heard, exitHook } = begin({ own: ['SIGTERM'] })
  const ended = vi.fn()
  const hook = Promise.resolve(exitHook()).then(ended)
  expect(heard.mock.calls).toEqual([['SIGTERM']])
  expect(system.signal('SIGTERM'), 'the signal is the program’s now').toBe(false)
  system.advance(9_999)
  await Promise.resolve()
  expect(ended).not.toHaveBeenCalled()
  system.advance(1)
  await hook
  expect(ended).toHaveBeenCalled()
})

test('where it has none, the exit waits for nothing', () => {
  const { system, exitHook } = begin()
  expect(exitHook()).toBeUndefined()
  expect(system.pendingTimers).toBe(0)
})
