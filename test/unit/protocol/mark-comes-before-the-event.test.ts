// What is on the mark decides before the end of the channel or a deadline does.

import { describe, expect, test } from 'vitest'
import {
  type MarkNews,
  type MarkWord,
  newEventsAfterMark,
  noMark,
  oldEventsAfterMark,
} from '../../../packages/handoff/src/protocol/mark.ts'

const news = (words: MarkWord[], more: Partial<MarkNews> = {}): MarkNews => ({
  ...noMark,
  words,
  ...more,
})
const death = { ended: true }

describe('an old process', () => {
  test.each(['serving', 'offer', 'commit', 'ramp', 'drain', 'guard', 'linger'] as const)(
    'in %s reads the words first, and without an event too',
    (state) => {
      const read = news(['serves', 'released'])
      expect(oldEventsAfterMark(state, 'eof', read)).toEqual(['served', 'release', 'eof'])
      expect(oldEventsAfterMark(state, undefined, read)).toEqual(['served', 'release'])
    },
  )

  test('ignores a word of its own side', () => {
    expect(oldEventsAfterMark('drain', 'eof', news(['aborted']))).toEqual(['eof'])
  })

  test('in a ramp accepts on until the new one serves, and if that is dead', () => {
    expect(oldEventsAfterMark('ramp', 'ramped', news([], { serves: false }))).toEqual([])
    expect(oldEventsAfterMark('ramp', 'ramped', news([], death))).toEqual([])
    expect(oldEventsAfterMark('ramp', 'ramped', news(['released'], death))).toEqual([
      'release',
      'ramped',
    ])
    expect(oldEventsAfterMark('ramp', 'ramped', noMark)).toEqual(['ramped'])
  })

  test.each(['ramp', 'drain', 'guard', 'linger'] as const)(
    'in %s does not end its probation before the new one serves, nor once it is dead',
    (state) => {
      expect(oldEventsAfterMark(state, 'probation', news([], { serves: false }))).toEqual([])
      expect(oldEventsAfterMark(state, 'probation', news([], death))).toEqual([])
      expect(oldEventsAfterMark(state, 'probation', noMark)).toEqual(['probation'])
    },
  )

  test('whose last connection ends learns of a death before', () => {
    expect(oldEventsAfterMark('drain', 'drained', news([], death))).toEqual(['died', 'drained'])
    expect(oldEventsAfterMark('drain', 'drained', noMark)).toEqual(['drained'])
  })

  test('that was released leaves, whether or not the new one lives', () => {
    const read = news(['released'], { ...death, serves: false })
    expect(oldEventsAfterMark('drain', 'drained', read)).toEqual(['release', 'drained'])
    expect(oldEventsAfterMark('guard', 'probation', read)).toEqual(['release', 'probation'])
  })

  test('that cannot take back does not wait for a death', () => {
    expect(oldEventsAfterMark('commit', 'probation', news([], death))).toEqual(['probation'])
  })
})

describe('a new process', () => {
  test.each(['receive', 'adopt', 'ready'] as const)(
    'in %s aborts if the old one has, before anything else',
    (state) => {
      const read = news(['aborted'], death)
      expect(newEventsAfterMark(state, 'eof', read)).toEqual(['abort', 'eof'])
      expect(newEventsAfterMark(state, 'timeout', read)).toEqual(['abort', 'timeout'])
    },
  )

  test('ignores words of its own side', () => {
    expect(newEventsAfterMark('ready', 'eof', news(['serves', 'released']))).toEqual(['eof'])
  })

  test.each(['serving', 'sharing'] as const)(
    'in %s is not stopped by an abort that comes too late',
    (state) => {
      expect(newEventsAfterMark(state, 'eof', news(['aborted']))).toEqual(['eof'])
    },
  )

  test('waits for the end of the channel if the old one died after ready', () => {
    expect(newEventsAfterMark('ready', 'timeout', news([], death))).toEqual([])
    expect(newEventsAfterMark('ready', 'eof', news([], death))).toEqual(['eof'])
    expect(newEventsAfterMark('adopt', 'timeout', news([], death))).toEqual(['timeout'])
    expect(newEventsAfterMark('ready', 'timeout', noMark)).toEqual(['timeout'])
  })
})
