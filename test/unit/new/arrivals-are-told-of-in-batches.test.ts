// What the old process is told of the connections that came over: the latest, and only as fast as it reads.

import { expect, test, vi } from 'vitest'
import type { Origin } from '../../../packages/handoff/src/connections/moving/mover.ts'
import type { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { Arrivals } from '../../../packages/handoff/src/new/connections/arrivals.ts'
import type { RestMessage } from '../../../packages/handoff/src/protocol/messages.ts'

const turn = () => new Promise(setImmediate)
const rest = (read: number) => ({ progress: { read, written: 2 * read }, item: {} })

const next = (arrivals: Arrivals) => arrivals.take(1)[0] as Origin

/** Arrivals, and what was told of them; each message is on its way until it is taken. */
function arrivals() {
  const told: { rests: RestMessage[]; take: () => void }[] = []
  const ended: number[][] = []
  const taking: (() => void)[] = []
  const arrivals = new Arrivals({
    sendEnded: (numbers) =>
      new Promise<void>((take) => {
        ended.push(numbers)
        taking.push(take)
      }),
    sendRested: (rests) => new Promise<void>((take) => told.push({ rests, take })),
  })
  arrivals.reportsRests = true
  return { arrivals, told, ended, takeEnded: () => taking.shift()?.() }
}

test('rests of one tick are one message', async () => {
  const { arrivals: all, told } = arrivals()
  const [first, second] = [next(all), next(all)]
  first.onRest(rest(10))
  second.onRest(rest(20))
  await turn()
  expect(told.map(({ rests }) => rests)).toEqual([
    [
      { number: 0, read: 10, written: 20, item: {} },
      { number: 1, read: 20, written: 40, item: {} },
    ],
  ])
})

test('while one is on its way the latest rest of each connection is kept, and no other', async () => {
  const { arrivals: all, told } = arrivals()
  const [first, second] = [next(all), next(all)]
  first.onRest(rest(10))
  await turn()
  for (const read of [20, 30, 40]) first.onRest(rest(read))
  second.onRest(rest(5))
  await turn()
  expect(told).toHaveLength(1)
  told[0]?.take()
  await turn()
  expect(told[1]?.rests.map(({ number, read }) => [number, read])).toEqual([
    [0, 40],
    [1, 5],
  ])
})

test('many take several messages, which a frame has room for', async () => {
  const { arrivals: all, told } = arrivals()
  for (let n = 0; n < 2_500; n++) next(all).onRest(rest(n))
  for (let message = 0; message < 3; message++) {
    await turn()
    told[message]?.take()
  }
  expect(told.map(({ rests }) => rests.length)).toEqual([1_000, 1_000, 500])
})

test('the ends of many take several messages too', async () => {
  const { arrivals: all, ended, takeEnded } = arrivals()
  for (let n = 0; n < 25_000; n++) next(all).onEnd()
  for (let message = 0; message < 3; message++) {
    await turn()
    expect(ended).toHaveLength(message + 1)
    takeEnded()
  }
  expect(ended.map(({ length }) => length)).toEqual([10_000, 10_000, 5_000])
  expect(ended.flat()).toEqual(Array.from({ length: 25_000 }, (_, number) => number))
})

test('an old process that does not read is sent one message of each kind, and no other', async () => {
  const { arrivals: all, told, ended } = arrivals()
  const connections = Array.from({ length: 100 }, () => next(all))
  for (const connection of connections) {
    connection.onRest(rest(1))
    await turn()
  }
  for (const connection of connections) {
    connection.onEnd()
    await turn()
  }
  expect(told).toHaveLength(1)
  expect(ended).toHaveLength(1)
})

test('of one that has ended only that is told', async () => {
  const { arrivals: all, told, ended } = arrivals()
  const arrival = next(all)
  arrival.onRest(rest(10))
  arrival.onEnd()
  await turn()
  expect(told).toEqual([])
  expect(ended).toEqual([[0]])
})

test('nothing is told to who does not want to know, or does so no more', async () => {
  const { arrivals: all, told } = arrivals()
  const before = next(all)
  expect(before.wantsRests).toBe(true)
  before.onRest(rest(10))
  all.reportsRests = false
  before.onRest(rest(20))
  expect(next(all).wantsRests).toBe(false)
  await turn()
  expect(told).toEqual([])
})

test('rests that fit are written to the file of positions, and no message is sent', async () => {
  const { arrivals: all, told } = arrivals()
  const file = {
    write: vi.fn((_: number, { read }: { read: number }) => read < 100),
    close: vi.fn(),
  }
  all.writesTo(file as unknown as PositionFile)
  const [first, second] = [next(all), next(all)]
  first.onRest(rest(10))
  second.onRest(rest(100))
  // The one that waits to be sent is out of date.
  const third = next(all)
  third.onRest(rest(200))
  third.onRest(rest(20))
  await turn()
  expect(file.write.mock.calls.map(([number, { read }]) => [number, read])).toEqual([
    [0, 10],
    [1, 100],
    [2, 200],
    [2, 20],
  ])
  expect(told.map(({ rests }) => rests.map(({ number, read }) => [number, read]))).toEqual([
    [[1, 100]],
  ])
  all.reportsRests = false
  expect(file.close).toHaveBeenCalledOnce()
  first.onRest(rest(30))
  expect(file.write).toHaveBeenCalledTimes(4)
})
