// The runner: effects in order, with what came with their event, one event at a time.

import { expect, expectTypeOf, test } from 'vitest'
import type { EffectOf } from '../../../packages/handoff/src/protocol/machine.ts'
import type { MessageOf } from '../../../packages/handoff/src/protocol/messages.ts'
import type { Effects } from '../../../packages/handoff/src/talk/effects.ts'
import type { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { Runner } from '../../../packages/handoff/src/talk/runner.ts'
import { noEffects } from '../../support/effects.ts'

/** A runner of the old side; effects that are not given do nothing. */
function oldRunner(effects: Partial<Effects<'old'>>, onState = (_to: string, _from: string) => {}) {
  return new Runner('old', 'serving', { ...noEffects('old'), ...effects }, onState)
}

const peer = {} as Peer<'old'>

test('effects get what came with the event, and the state is entered after them', () => {
  const log: unknown[] = []
  const runner = oldRunner({ 'await-hello': (detail) => log.push(detail) }, (to, from) =>
    log.push([from, to]),
  )
  runner.dispatch('connect', peer)
  expect(log).toEqual([peer, ['serving', 'offer']])
})

test('an effect gets the descriptors of its message', () => {
  const log: unknown[] = []
  const effects: Effects<'new'> = {
    ...noEffects('new'),
    'take-older': (message, descriptors) => log.push(message, descriptors),
  }
  const older: MessageOf<'older'> = { type: 'older', processes: [] }
  const runner = new Runner('new', 'discover', effects, () => {})
  runner.dispatch('older', older, [7])
  expect(log).toEqual([older, [7]])
})

test('an event that an effect gives rise to waits for the rest of the effects', () => {
  const log: string[] = []
  const runner: Runner<'old'> = oldRunner(
    {
      'await-hello': () => {
        runner.dispatch('timeout')
        log.push('await-hello')
      },
      'send-abort': () => log.push('send-abort'),
      'hang-up': () => log.push('hang-up'),
    },
    (state) => log.push(state),
  )
  runner.dispatch('connect', peer)
  expect(log).toEqual(['await-hello', 'offer', 'send-abort', 'hang-up', 'serving'])
})

test('the state is the new one while its effects run', () => {
  const runner: Runner<'old'> = oldRunner({
    'await-hello': () => expect(runner.state).toBe('offer'),
  })
  runner.dispatch('connect', peer)
  expect.assertions(1)
})

test('an effect that throws does not block the events after it', () => {
  const runner = oldRunner({
    'await-hello': () => {
      throw new Error('no descriptor left')
    },
  })
  expect(() => runner.dispatch('connect', peer)).toThrow('no descriptor left')
  runner.dispatch('eof')
  expect(runner.state).toBe('serving')
})

test('the compiler knows the effects of each table, and what each of them gets', () => {
  expectTypeOf<'await-hello'>().toExtend<EffectOf<'old'>>()
  expectTypeOf<'await-hello'>().not.toExtend<EffectOf<'new'>>()
  expectTypeOf<Parameters<Effects<'old'>['refuse-busy']>[0]>().toEqualTypeOf<Peer<'old'>>()
  // It stops accepting because the new process is ready, or because it is stopped.
  type Ready = MessageOf<'ready'> | undefined
  expectTypeOf<Parameters<Effects<'old'>['shut']>[0]>().toEqualTypeOf<Ready>()
  type Listeners = MessageOf<'listeners'>
  expectTypeOf<Parameters<Effects<'new'>['take-listeners']>[0]>().toEqualTypeOf<Listeners>()
  expectTypeOf<Parameters<Effects<'new'>['send-ready']>[0]>().toEqualTypeOf<undefined>()
})

test('effects that lack one do not compile, nor do those with one too many', () => {
  const { open: _, ...lacking } = noEffects('new')
  // @ts-expect-error: there is no `open`
  const few: Effects<'new'> = lacking
  // @ts-expect-error: a new process never takes back
  const many: Effects<'new'> = { ...noEffects('new'), 'take-back': () => {} }
  expect(Object.keys(many).length).toBe(Object.keys(few).length + 2)
})

test('an event does not compile without what it carries', () => {
  const runner = oldRunner({})
  // @ts-expect-error: a peer comes with it
  runner.dispatch('connect')
  // @ts-expect-error: nothing comes with it
  runner.dispatch('timeout', peer)
  expect(runner.state).toBe('serving')
})
