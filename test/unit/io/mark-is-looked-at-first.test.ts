// What the mark says comes before an end, and before a deadline: the decisions, and the descriptor.

import { describe, expect, test } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { Mark } from '../../../packages/handoff/src/io/channel/mark.ts'
import { close, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import {
  type MarkNews,
  newEventsAfterMark,
  noMark,
  oldEventsAfterMark,
} from '../../../packages/handoff/src/protocol/mark.ts'
import { until } from '../../support/until.ts'

const silent: MarkNews = { words: [], ended: false, serves: true }
const released: MarkNews = { words: ['released'], ended: true, serves: true }
const dead: MarkNews = { words: [], ended: true, serves: true }
const boots: MarkNews = { words: [], ended: false, serves: false }

describe('an old process', () => {
  test.each(['drain', 'guard', 'linger'] as const)('in %s', (state) => {
    for (const event of ['eof', 'abort', 'probation', 'drained', 'stop'] as const) {
      expect(oldEventsAfterMark(state, event, silent)).toEqual([event])
      expect(oldEventsAfterMark(state, event, noMark)).toEqual([event])
      // Released before anything else, and then nothing keeps it.
      expect(oldEventsAfterMark(state, event, released)).toEqual(['release', event])
    }
    expect(oldEventsAfterMark(state, 'eof', dead)).toEqual(['eof'])
    expect(oldEventsAfterMark(state, 'probation', dead)).toEqual([])
    expect(oldEventsAfterMark(state, 'drained', dead)).toEqual(['died', 'drained'])
    expect(oldEventsAfterMark(state, 'probation', boots)).toEqual([])
    expect(oldEventsAfterMark(state, 'drained', boots)).toEqual(['drained'])
  })

  test('that was released leaves in its time, although the new one has died', () => {
    expect(oldEventsAfterMark('released', 'drained', dead)).toEqual(['drained'])
  })

  test('hears words without an event of its own', () => {
    const news: MarkNews = { words: ['serves', 'released'], ended: false, serves: true }
    expect(oldEventsAfterMark('guard', undefined, news)).toEqual(['served', 'release'])
  })
})

describe('a new process', () => {
  const aborted: MarkNews = { words: ['aborted'], ended: true, serves: false }

  test.each(['discover', 'receive', 'adopt', 'ready'] as const)(
    'in %s is not alone if the old one aborted',
    (state) => {
      expect(newEventsAfterMark(state, 'eof', aborted)).toEqual(['abort', 'eof'])
      expect(newEventsAfterMark(state, 'eof', dead)).toEqual(['eof'])
    },
  )

  test('gives up in time, but not on a dead process that left it the service', () => {
    expect(newEventsAfterMark('ready', 'timeout', boots)).toEqual(['timeout'])
    expect(newEventsAfterMark('ready', 'timeout', dead)).toEqual([])
    expect(newEventsAfterMark('ready', 'timeout', aborted)).toEqual(['abort', 'timeout'])
    expect(newEventsAfterMark('adopt', 'timeout', dead)).toEqual(['timeout'])
  })

  test('that serves hears of no abort', () => {
    expect(newEventsAfterMark('serving', 'eof', aborted)).toEqual(['eof'])
  })
})

describe('one end', () => {
  test('keeps each word once for the other, also of one that is closed', () => {
    const { mark, other } = Mark.pair()
    const peer = Mark.from([other])
    expect(peer.read()).toEqual({ words: [], ended: false, serves: false })
    mark.write('serves')
    mark.write('serves')
    mark.write('released')
    mark.close()
    mark.write('aborted')
    expect(peer.read()).toEqual({ words: ['serves', 'released'], ended: true, serves: true })
    expect(peer.read()).toEqual({ words: [], ended: true, serves: true })
    peer.write('aborted') // Nobody is there.
    peer.close()
    expect(peer.read()).toMatchObject({ words: [], ended: false })
  })

  test('tells of words as they come', async () => {
    const { mark, other } = Mark.pair()
    const peer = Mark.from([other])
    const heard: string[] = []
    mark.watch(({ words }) => heard.push(...words))
    peer.write('serves')
    await until('the first word', () => heard.length === 1)
    peer.write('released')
    peer.close()
    await until('the second word', () => heard.length === 2)
    expect(heard).toEqual(['serves', 'released'])
    mark.close()
  })

  test('passes over bytes and descriptors that mean nothing', async () => {
    const [fd, other] = socketPair()
    const mark = Mark.from([fd])
    const peer = Channel.from(other)
    const [stray, end] = socketPair()
    await peer.send(Buffer.from('?RR'), [stray])
    close(stray)
    expect(mark.read().words).toEqual(['released'])
    // Its only other holder was the message.
    const gone = Channel.from(end)
    expect(await gone.read()).toBeUndefined()
    for (const open of [gone, peer, mark]) open.close()
  })

  test('is a connected stream socket, and alone', () => {
    const [stream, dgram, more] = [socketPair(), socketPair('dgram'), socketPair()]
    for (const wrong of [[], [dgram[0]], [stream[0], more[0]]]) {
      expect(() => Mark.from(wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' }),
      )
    }
    for (const fd of [stream[0], dgram[0], more[0]]) expect(() => close(fd)).toThrow('EBADF')
    for (const fd of [stream[1], dgram[1], more[1]]) close(fd)
  })
})
