// The slow start: two busy connections go over at first, and each good report doubles the allowance.

import { expect, onTestFinished, test } from 'vitest'
import type { Departing, Mover } from '../../../packages/handoff/src/connections/moving/mover.ts'
import { isBusy, type Pace } from '../../../packages/handoff/src/connections/moving/pace.ts'
import type { Holdings } from '../../../packages/handoff/src/generation/holdings.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { HandOver } from '../../../packages/handoff/src/old/drain/hand-over.ts'
import { SlowStart } from '../../../packages/handoff/src/old/drain/slow-start.ts'
import type { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { openFiles } from '../../support/scratch.ts'

const key = 'tcp:*:80'

/** A hand-over of so many busy connections and silent ones, to a peer that acks when the test says so. */
function handOver({ busy = 0, silent = 0 }) {
  const left = { busy, silent }
  let looks = 0
  const [file = -1] = openFiles(1)
  const depart = (item: string): Departing => ({
    fd: dup(file),
    item,
    complete: () => {},
    serveAgain: () => {},
  })
  const take = (limit: number, pace?: Pace) => {
    looks += 1
    const taken: Departing[] = []
    for (; taken.length < limit && left.silent > 0; left.silent--) taken.push(depart('silent'))
    for (; taken.length < limit && left.busy > 0; left.busy--) {
      if (pace?.admit() === false) break
      taken.push(depart('busy'))
    }
    return taken
  }
  const mover = { kind: 'http', take } as unknown as Mover
  const gate = { held: { entry: { key } }, connections: { movers: [mover], stopMoving: () => {} } }
  const holdings = { gates: new Set([gate]), fates: { add: () => {} } }
  const sent: string[][] = []
  const sendBatch = ({ items }: { items: string[] }) => {
    sent.push(items)
    return Promise.resolve()
  }
  const peer = { sendBatch, takePositions: () => undefined } as unknown as Peer<'old'>
  let rests = 0
  const hand = new HandOver(
    peer,
    holdings as unknown as Holdings,
    { [key]: ['http'] },
    {
      onChange: () => {},
      onRest: () => {
        rests += 1
      },
      onError: (error) => {
        throw error
      },
    },
  )
  let acked = 0
  const ack = () => {
    for (const items of sent.splice(0)) {
      acked += items.length
      hand.noteAdopted({ received: acked })
    }
  }
  onTestFinished(() => {
    ack()
    hand.stop()
    hand.release()
  })
  return { hand, sent, ack, left, looks: () => looks, rests: () => rests }
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('silent connections go over immediately, and two busy ones with them', async () => {
  const { hand, sent } = handOver({ busy: 10, silent: 3 })
  hand.start(new SlowStart())
  expect(hand.caughtUp).toBe(false)
  await turn()
  expect(sent).toEqual([['silent', 'silent', 'silent', 'busy', 'busy']])
})

test('the allowance grows by half: it counts those that have gone over', async () => {
  const { hand, sent, ack, left, rests } = handOver({ busy: 10 })
  const pace = new SlowStart()
  hand.start(pace)
  const gone: number[] = []
  const caughtUp: boolean[] = []
  for (let report = 0; report < 5; report++) {
    await turn()
    gone.push(sent.flat().length)
    ack()
    await turn()
    caughtUp.push(hand.caughtUp)
    pace.widen()
  }
  expect(gone).toEqual([2, 1, 2, 3, 2])
  expect(left.busy).toBe(0)
  expect(caughtUp).toEqual([false, false, false, false, true])
  expect(rests()).toBe(1)
})

test('connections are not looked at while all of them wait for the pace', async () => {
  const { hand, ack, looks } = handOver({ busy: 10 })
  const pace = new SlowStart()
  hand.start(pace)
  await turn()
  ack()
  await turn()
  const before = looks()
  hand.recheck()
  await turn()
  expect(looks()).toBe(before)
  pace.widen()
  await turn()
  expect(looks()).toBeGreaterThan(before)
})

test('it notes that a busy connection had to stay, until more may go over', async () => {
  const { hand, ack } = handOver({ busy: 3 })
  const pace = new SlowStart()
  expect(pace.hasRefused).toBe(false)
  hand.start(pace)
  await turn()
  ack()
  await turn()
  expect(pace.hasRefused).toBe(true)
  pace.widen()
  await turn()
  expect(pace.hasRefused).toBe(false)
})

test('the end of the slow start lifts the limit', async () => {
  const { hand, sent, ack } = handOver({ busy: 10 })
  const pace = new SlowStart()
  hand.start(pace)
  await turn()
  ack()
  pace.end()
  pace.end()
  pace.widen()
  await turn()
  expect(sent.flat().length).toBe(8)
  expect(pace.room).toBe(Number.POSITIVE_INFINITY)
  ack()
  await turn()
  expect(hand.caughtUp).toBe(true)
})

test('a hand-over has not caught up while a batch has no ack', async () => {
  const { hand, ack } = handOver({ silent: 1 })
  hand.start(new SlowStart())
  await turn()
  expect(hand.caughtUp).toBe(false)
  ack()
  await turn()
  expect(hand.caughtUp).toBe(true)
})

test('without a slow start all go over immediately', async () => {
  const { hand, sent } = handOver({ busy: 300 })
  hand.start()
  await turn()
  expect(sent.map(({ length }) => length)).toEqual([250, 50])
})

test('a connection is busy if it was used a moment ago, and if the kernel does not say', () => {
  const pace = new SlowStart()
  expect([0, pace.busyMs - 1, pace.busyMs, undefined].map((ms) => isBusy(pace, ms))).toEqual([
    true,
    true,
    false,
    true,
  ])
})
