// When a program that listens on nothing is expected to listen no more.

import { expect, test, vi } from 'vitest'
import {
  missingPlaces,
  missingText,
  noListenerText,
} from '../../../packages/handoff/src/preload/readiness/listen-warnings.ts'
import { NoListenerTimer } from '../../../packages/handoff/src/preload/readiness/no-listener-timer.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

function begin({ isReplacement = false, oldHasNoListener = false, readyTimeoutMs = 60_000 } = {}) {
  const system = new FakeSystem()
  const onTimeout = vi.fn()
  const timer = (ms: number, callback: () => void) => system.timer(ms, callback)
  const idle = new NoListenerTimer({
    isReplacement,
    oldHasNoListener,
    readyTimeoutMs,
    timer,
    onTimeout,
  })
  /** How long it takes from now on, in milliseconds. */
  const takes = (ms: number) => {
    system.advance(ms - 1)
    expect(onTimeout).not.toHaveBeenCalled()
    system.advance(1)
    expect(onTimeout).toHaveBeenCalledOnce()
    system.advance(60_000)
    expect(onTimeout).toHaveBeenCalledOnce()
  }
  return { system, idle, onTimeout, takes }
}

test('ten seconds after its start', () => begin().takes(10_000))
test('half of a short ready timeout after its start', () =>
  begin({ readyTimeoutMs: 3_000 }).takes(1_500))
test('a second after its start where the old process listens on nothing', () => {
  begin({ isReplacement: true, oldHasNoListener: true }).takes(1_000)
})

test('a replacement a second after it listened elsewhere', () => {
  const { system, idle, takes } = begin({ isReplacement: true })
  system.advance(5_000)
  idle.listensElsewhere()
  takes(1_000)
  idle.listensElsewhere()
  expect(system.pendingTimers).toBe(0)
})

test('a first generation may listen on port 0 first', () => {
  const { system, idle, takes } = begin()
  system.advance(5_000)
  idle.listensElsewhere()
  takes(5_000)
})

test('not when it imports socket-handoff', () => {
  const { system, idle, onTimeout } = begin()
  idle.end()
  system.advance(60_000)
  expect(onTimeout).not.toHaveBeenCalled()
})

const child = { pid: 12, ports: [3000], command: ['node', 'next\nstart'] }
const entry = (key: string, port: number) => ({
  key,
  port,
  protocol: 'tcp' as const,
  address: '127.0.0.1',
  ipv6Only: false,
})

test('the words name the place, and where the program listens instead', () => {
  const nowhere = { ports: [], children: [] }
  const place = 'tcp:127.0.0.1:3000'
  const text = `this process does not listen on ${place}, and the old process does`
  expect(missingText([place], true, nowhere)).toBe(text)
  expect(missingText([place], true, { ...nowhere, ports: [3001] })).toContain(
    `${text}; it listens on port 3001 instead`,
  )
  expect(missingText([place], true, { ...nowhere, children: [child] })).toBe(
    `${text}; a child of the process (pid 12: node next start) listens on port 3000. Start the file that listens by itself: handoff run FILE`,
  )
  expect(missingText([place], false, nowhere)).toContain('clients wait there')
  expect(noListenerText({ ...nowhere, children: [child] })).toContain('pid 12')
})

test('a joined listener comes with the one that it has joined, a dropped one not at all', () => {
  const all = [entry('tcp:127.0.0.1:1', 1), entry('2@tcp:127.0.0.1:1', 1), entry('tcp:*:2', 2)]
  expect(missingPlaces(all, new Set())).toEqual(['tcp:127.0.0.1:1', 'tcp:*:2'])
  expect(missingPlaces(all, new Set(['1']))).toEqual(['tcp:*:2'])
  expect(missingPlaces(all, new Set(['1', 'tcp:*:2']))).toEqual([])
})
