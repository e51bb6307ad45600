// Old generations drain side by side: there is an end to how many.

import { expect, test } from 'vitest'
import {
  emptyRegistry,
  type Registry,
} from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import {
  defaultMaxGenerations,
  maxGenerations,
  surplusGenerations,
  tooManyGenerations,
} from '../../../../packages/handoff/src/supervisor/worker/generation-limit.ts'
import { Mismatch } from '../../../../packages/handoff/src/terms/checks.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

/** Generations from 1 on, each a second younger than the one before; the last one serves. */
function running(count: number, serves = true): Registry {
  const records = Array.from({ length: count }, (_, index) => ({
    ...{ pid: 100 + index, generation: index + 1, startedAt: index * 1_000, servingSince: 1 },
    ...{ stage: 'drain' as const, listeners: [], connections: index, open: {}, fates: noFates },
  }))
  const processes = new Map(records.map((record) => [record.pid, record]))
  return { ...emptyRegistry, processes, serving: serves ? 99 + count : undefined }
}

test.each([
  [1, 2, []],
  [2, 2, [100]],
  [9, 10, []],
  [10, 10, [100]],
  [12, 10, [100, 101, 102]],
  [5, 2, [100, 101, 102, 103]],
])('of %i that run, with at most %i, these are too many', (count, most, pids) => {
  expect(surplusGenerations(running(count), most).map(({ pid }) => pid)).toEqual(pids)
})

test('where nothing serves, one more is started in any case', () => {
  expect(surplusGenerations(running(20, false), 10)).toEqual([])
  expect(surplusGenerations(emptyRegistry, 2)).toEqual([])
})

test('the one that serves is never one of them, however old it is', () => {
  const registry = { ...running(3), serving: 100 }
  expect(surplusGenerations(registry, 2).map(({ pid }) => pid)).toEqual([101, 102])
})

test('the refusal names the oldest, and says what to do', () => {
  const registry = running(10)
  const surplus = surplusGenerations(registry, defaultMaxGenerations)
  const { code, message } = tooManyGenerations('shop', registry, surplus, 61_000)
  expect(code).toBe('ERR_HANDOFF_TOO_MANY_GENERATIONS')
  expect(message).toBe(
    'cannot reload shop: 10 generations of it run, and --max-generations allows no more; the oldest is ' +
      'generation 1 (pid 100, 0 connections, started 61 s ago). Wait until one of them has ended, or ' +
      'end the oldest: kill -9 and its pid.',
  )
})

test.each([
  ['2', 2],
  ['10', 10],
  ['1000', 1_000],
  ['1', undefined],
  ['0', undefined],
  ['1001', undefined],
  ['-3', undefined],
  ['2.5', undefined],
  ['1e2', undefined],
  ['', undefined],
  ['max', undefined],
])('--max-generations %j is %j', (text, count) => {
  const read = () => maxGenerations(text, 'generations')
  if (count === undefined) expect(read).toThrow(Mismatch)
  else expect(read()).toBe(count)
})
