// The application's own end: its hooks, in order, whatever they do.

import { expect, test } from 'vitest'
import { runExitHooks } from '../../../packages/handoff/src/old/exit.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

test('last added first, each after the end of the one before', async () => {
  const log: string[] = []
  const hook = (name: string) => async () => {
    log.push(`${name} begins`)
    await Promise.resolve()
    log.push(`${name} ends`)
  }
  const well = await runExitHooks([hook('database'), hook('server')], new FakeSystem(), 1_000)
  expect(well).toBe(true)
  expect(log).toEqual(['server begins', 'server ends', 'database begins', 'database ends'])
})

test('one that fails is told of, and the others run', async () => {
  const system = new FakeSystem()
  const log: string[] = []
  const hooks = [
    () => void log.push('first'),
    () => Promise.reject(new Error('rejected')),
    () => {
      throw new Error('thrown')
    },
    () => Promise.reject('no error at all'),
  ]
  expect(await runExitHooks(hooks, system, 1_000)).toBe(false)
  expect(log).toEqual(['first'])
  expect(system.warnings.join()).toMatch(/no error at all.*thrown.*rejected/s)
})

test('one that does not end is left behind at the deadline, with those before it', async () => {
  const system = new FakeSystem()
  const log: string[] = []
  const hooks = [() => void log.push('too late'), () => new Promise<void>(() => {})]
  const ended = runExitHooks(hooks, system, 1_000)
  await Promise.resolve()
  system.advance(1_000)
  expect(await ended).toBe(false)
  expect(log).toEqual([])
  expect(system.warnings).toHaveLength(1)
})

test('hooks that are added or removed meanwhile do not disturb the order', async () => {
  const log: string[] = []
  const hooks: (() => void)[] = [() => void log.push('a')]
  hooks.push(() => {
    log.push('b')
    hooks.pop()
  })
  await runExitHooks(hooks, new FakeSystem(), 1_000)
  expect(log).toEqual(['b', 'a'])
})
