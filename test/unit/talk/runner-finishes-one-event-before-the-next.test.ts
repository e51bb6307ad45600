// The runner: effects in order, with what came with their event, one event at a time.

import { expect, test } from 'vitest'
import { type Effects, Runner } from '../../../packages/handoff/src/talk/runner.ts'

test('effects get what came with the event, and the state is entered after them', () => {
  const log: unknown[] = []
  const effects: Effects = { 'await-hello': (detail) => log.push(['await-hello', detail]) }
  const runner = new Runner('old', 'serving', effects, (state) => log.push(state))
  runner.dispatch('connect', 'a wire')
  expect(log).toEqual([['await-hello', 'a wire'], 'offer'])
})

test('an event that an effect gives rise to waits for the rest of the effects', () => {
  const log: string[] = []
  const effects: Effects = {
    'await-hello': () => {
      runner.dispatch('timeout')
      log.push('await-hello')
    },
    'send-abort': () => log.push('send-abort'),
    'hang-up': () => log.push('hang-up'),
  }
  const runner: Runner<'old'> = new Runner('old', 'serving', effects, (state) => log.push(state))
  runner.dispatch('connect')
  expect(log).toEqual(['await-hello', 'offer', 'send-abort', 'hang-up', 'serving'])
})

test('the state is the new one while its effects run', () => {
  const effects: Effects = { 'await-hello': () => expect(runner.state).toBe('offer') }
  const runner: Runner<'old'> = new Runner('old', 'serving', effects, () => {})
  runner.dispatch('connect')
  expect.assertions(1)
})

test('an effect that nobody implements is an error, not a silence', () => {
  const runner = new Runner('old', 'serving', {}, () => {})
  expect(() => runner.dispatch('connect')).toThrow('await-hello')
})

test('an effect that throws does not block the events after it', () => {
  const effects: Effects = {
    'await-hello': () => {
      throw new Error('no descriptor left')
    },
    'hang-up': () => {},
  }
  const runner = new Runner('old', 'serving', effects, () => {})
  expect(() => runner.dispatch('connect')).toThrow('no descriptor left')
  runner.dispatch('eof')
  expect(runner.state).toBe('serving')
})
