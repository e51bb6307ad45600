// The peer object: what is sent, read and closed at the ends of one channel.

import { closeSync } from 'node:fs'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { Mark } from '../../../packages/handoff/src/io/channel/mark.ts'
import { Wire } from '../../../packages/handoff/src/io/channel/wire.ts'
import { close, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import type { Frame } from '../../../packages/handoff/src/protocol/codec.ts'
import { type MarkNews, noMark } from '../../../packages/handoff/src/protocol/mark.ts'
import { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { openFiles } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

/** A peer as the old process has it, and the wire of the new process. */
function pair() {
  const [here, there] = Channel.pair()
  const peer = new Peer('old', new Wire(here), realSystem)
  const other = new Wire(there)
  const frames: Frame<number>[] = []
  const state = { hasEnded: false }
  other.start({
    onFrame: (frame) => void frames.push(frame),
    onEnd: () => {
      state.hasEnded = true
    },
  })
  onTestFinished(() => {
    peer.close()
    other.close()
  })
  const types = () => frames.map(({ message }) => message.type)
  return { peer, other, frames, types, state }
}

test('its name has the pid once the kernel has told it', () => {
  const { peer } = pair()
  expect(peer.name).toBe('the new process')
  expect(peer.identify().pid).toBe(process.pid)
  expect(peer.name).toBe(`the new process (pid ${process.pid})`)
  const [here] = Channel.pair()
  const old = new Peer('new', new Wire(here), realSystem)
  expect(old.name).toBe('the old process')
  old.close()
})

test('a send that the kernel refuses is reported to those who ask, and ends no process otherwise', async () => {
  const { peer, types } = pair()
  const [fd = -1] = openFiles(1)
  const tooMany = Array.from({ length: 300 }, () => fd)
  await expect(peer.sendOrThrow({ type: 'mark' }, tooMany)).rejects.toThrow('too large')
  await peer.send({ type: 'mark' }, tooMany)
  await peer.send({ type: 'committed' })
  await until('the next message comes', () => types().length > 0)
  expect(types()).toEqual(['committed'])
  // What failed is over: it delays no close.
  peer.closeOnceSent()
})

test('a batch is sent like a message, and not at all by a peer that is mute or closed', async () => {
  const { peer, frames, types } = pair()
  const batch = { type: 'connections', key: 'k', kind: 'http', items: [null] } as const
  const [fd = -1] = openFiles(1)
  await peer.sendBatch({ ...batch, items: [null] }, [fd])
  await until('the batch comes', () => frames.length > 0)
  expect(frames[0]?.descriptors).toHaveLength(1)
  peer.stopSending()
  await peer.sendBatch({ ...batch, items: [null] }, [fd])
  await peer.send({ type: 'committed' })
  peer.close()
  await peer.sendBatch({ ...batch, items: [null] }, [fd])
  expect(types()).toEqual(['connections'])
})

test('what is left on the mark of a peer that is closed is nobody else’s', async () => {
  const { peer, frames } = pair()
  const read: MarkNews[] = []
  await peer.sendMark((news) => void read.push(news))
  await until('the mark comes', () => frames.length > 0)
  const mark = Mark.from(frames[0]?.descriptors ?? [])
  mark.write('serves')
  await until('the word comes', () => read.length > 0)
  expect(read[0]).toMatchObject({ words: ['serves'] })
  expect(peer.hasMark).toBe(true)
  // Left and closed in one turn: the watch has it before it learns of the close.
  mark.write('released')
  peer.closeOnceSent()
  expect(peer.readMark()).toBe(noMark)
  await until('both ends are closed', () => mark.read().ended)
  expect(read).toHaveLength(1)
  mark.close()
})

test('a second mark is refused and closed; the first one counts', () => {
  const { peer } = pair()
  const [first, second] = [Mark.pair(), Mark.pair()]
  expect(peer.receiveMark([first.other])).toBe(true)
  expect(peer.receiveMark([second.other])).toBe(false)
  expect(second.mark.read().ended, 'closed').toBe(true)
  peer.leaveWord('aborted')
  expect(first.mark.read().words).toEqual(['aborted'])
  first.mark.close()
  second.mark.close()
})

test.runIf(process.platform === 'linux').each(['short', 'long'] as const)(
  'the file of positions goes with the mark, and has one owner: %s records',
  async (records) => {
    const { peer, frames } = pair()
    await peer.sendMark(() => {}, records)
    await until('the mark comes', () => frames.length > 0)
    const positions = peer.takePositions()
    expect(peer.takePositions(), 'taken').toBeUndefined()
    const [here] = Channel.pair()
    const other = new Peer('new', new Wire(here), realSystem)
    expect(other.receiveMark(frames[0]?.descriptors ?? [])).toBe(true)
    const position = { read: 1, written: 2, item: {} }
    const theirs = other.takePositions()
    if (records === 'long') theirs?.useLongRecords()
    theirs?.write(1, position)
    theirs?.close()
    expect(positions?.read(2)).toEqual([undefined, position])
    positions?.close()
    other.close()
  },
)

test('a file of positions that is taken by no one is closed with the peer', () => {
  const { peer } = pair()
  const { mark, other } = Mark.pair()
  const [file = -1] = openFiles(1)
  const fd = dup(file)
  peer.receiveMark([other, fd])
  peer.close()
  expect(() => closeSync(fd)).toThrow('EBADF')
  mark.close()
})

test.each<[string, (end: number, file: number) => number[]]>([
  ['the mark is no socket', (_, file) => [dup(file), file]],
  ['the file is none', (end) => [dup(end), end]],
  ['there is a third descriptor', (end, file) => [end, file, dup(file)]],
])('a mark is refused and all is closed if %s', (_, wrong) => {
  const { peer } = pair()
  const { mark, other } = Mark.pair()
  const [file = -1] = openFiles(1)
  const descriptors = wrong(dup(other), dup(file))
  close(other)
  expect(() => peer.receiveMark(descriptors)).toThrow('cannot receive the')
  peer.close()
  for (const fd of descriptors) expect(() => closeSync(fd)).toThrow('EBADF')
  mark.close()
})

test('a file that comes with a second mark is closed', () => {
  const { peer } = pair()
  const [first, second] = [Mark.pair(), Mark.pair()]
  const [file = -1] = openFiles(1)
  const fd = dup(file)
  peer.receiveMark([first.other])
  expect(peer.receiveMark([second.other, fd])).toBe(false)
  expect(() => closeSync(fd)).toThrow('EBADF')
  first.mark.close()
  second.mark.close()
})

test('a peer that is closed, but not sent yet, has no ear for the mark', async () => {
  const [here, there] = Channel.pair()
  const peer = new Peer('old', new Wire(here), realSystem)
  const read: MarkNews[] = []
  await peer.sendMark((news) => void read.push(news))
  const first = await there.read()
  const mark = Mark.from(first?.fds ?? [])
  // More than the kernel holds: the close waits until the other side reads.
  const value = 'x'.repeat(900_000)
  for (let count = 0; count < 4; count++) {
    void peer.send({ type: 'state', key: 'k', when: 'start', encoding: 'json', value })
  }
  peer.closeOnceSent()
  mark.write('released')
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(mark.read().ended, 'still open').toBe(false)
  expect(read).toEqual([])
  there.close()
  await until('it is closed', () => mark.read().ended)
  mark.close()
})
