// A batch of connections that the kernel does not take stays here, and is served here once.

import { describe, expect, onTestFinished, test } from 'vitest'
import type { Departing, Mover } from '../../../packages/handoff/src/connections/moving/mover.ts'
import type { Holdings } from '../../../packages/handoff/src/generation/holdings.ts'
import { close, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { HandOver } from '../../../packages/handoff/src/old/drain/hand-over.ts'
import { HandedOverConnections } from '../../../packages/handoff/src/old/drain/handed-over.ts'
import type { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { openFiles } from '../../support/scratch.ts'

const key = 'tcp:*:80'

/** A mover with one connection at rest, and what became of it. */
function mover() {
  const became: string[] = []
  const [fd = -1] = openFiles(1)
  const departing: Departing = {
    fd,
    item: null,
    complete: () => void became.push('gone'),
    serveAgain: () => void became.push('served again'),
  }
  const batches = [[departing]]
  const made = { kind: 'http', take: () => batches.shift() ?? [], settle: () => {} }
  return { made: made as unknown as Mover, became, departing }
}

function handOver(send: () => Promise<void>) {
  const { made, became } = mover()
  const errors: Error[] = []
  const gate = { held: { entry: { key } }, connections: { movers: [made], stopMoving: () => {} } }
  const holdings = { gates: new Set([gate]), tally: { add: () => {} } }
  const peer = { sendBatch: send, takePositions: () => undefined } as unknown as Peer<'old'>
  const takes = { [key]: ['http'] }
  const hand = new HandOver(peer, holdings as unknown as Holdings, takes as never, {
    onChange: () => {},
    onRest: () => {},
    onError: (error) => void errors.push(error),
  })
  onTestFinished(() => hand.stop())
  hand.start()
  return { hand, became, errors }
}

test('it is served here again, and the error is reported', async () => {
  const { hand, became, errors } = handOver(() => Promise.reject(new Error('ETOOMANYREFS')))
  await expect.poll(() => errors.map(({ message }) => message)).toEqual(['ETOOMANYREFS'])
  expect(became).toEqual(['served again'])
  expect(hand.pending).toBe(0)
})

test('once, if the channel has ended before the kernel says so', async () => {
  let refuse = (_: Error) => {}
  const sent = new Promise<void>((_, reject) => {
    refuse = reject
  })
  const { hand, became, errors } = handOver(() => sent)
  await expect.poll(() => hand.pending).toBe(1)
  hand.end()
  expect(became).toEqual(['served again'])
  refuse(new Error('ETOOMANYREFS'))
  await sent.catch(() => {})
  expect(became).toEqual(['served again'])
  expect(errors).toEqual([])
})

test('one of which the kernel does not say what was read is closed at a take-back', () => {
  const { made, departing } = mover()
  const handedOver = new HandedOverConnections()
  const counts: string[] = []
  const descriptors = Int32Array.of(dup(departing.fd))
  const progress = new Float64Array([-1, -1])
  handedOver.add({ mover: made, batch: [departing], descriptors, progress })
  const tally = { add: (fate: string) => void counts.push(fate) }
  expect(handedOver.takeBack(tally as never)).toEqual({ back: 0, closed: 1 })
  expect(counts).toEqual(['closed'])
})

describe('if the kernel takes no more descriptors for now', () => {
  const tooMany = () => Object.assign(new Error('sendmsg'), { code: 'ETOOMANYREFS' })

  /** A hand-over of so many connections, of which the kernel takes so many batches at a time. */
  function limited(connections: number, mostBatches: number) {
    const [file = -1] = openFiles(1)
    let left = connections
    const became: string[] = []
    const take = (limit: number) => {
      const count = Math.min(limit, left)
      left -= count
      return Array.from({ length: count }, () => {
        const fd = dup(file)
        const serveAgain = () => {
          close(fd)
          left += 1
          became.push('served again')
        }
        return { fd, item: null, complete: () => void became.push('gone'), serveAgain }
      })
    }
    const sent: number[] = []
    const errors: Error[] = []
    const gate = {
      held: { entry: { key } },
      connections: { movers: [{ kind: 'http', take } as unknown as Mover], stopMoving: () => {} },
    }
    const peer = {
      takePositions: () => undefined,
      sendBatch: async (_: unknown, fds: readonly number[]) => {
        if (sent.length >= mostBatches) throw new Error('cannot send', { cause: tooMany() })
        sent.push(fds.length)
      },
    }
    const holdings = { gates: new Set([gate]), fates: { add: () => {} } }
    const hand = new HandOver(
      peer as unknown as Peer<'old'>,
      holdings as unknown as Holdings,
      { [key]: ['http'] },
      { onChange: () => {}, onRest: () => {}, onError: (error) => void errors.push(error) },
    )
    let acked = 0
    const ack = () => {
      acked += sent.shift() ?? 0
      hand.noteAdopted({ received: acked })
    }
    onTestFinished(() => {
      hand.end()
      hand.release()
    })
    hand.start()
    return { hand, became, errors, sent, ack, acked: () => acked }
  }

  test('an ack makes room, and all go over', async () => {
    const { hand, errors, sent, ack, acked, became } = limited(2_000, 2)
    while (acked() < 2_000) {
      await expect.poll(() => sent.length).toBeGreaterThan(0)
      ack()
    }
    await expect.poll(() => hand.caughtUp).toBe(true)
    expect(errors).toEqual([])
    expect(became.filter((what) => what === 'gone').length).toBe(2_000)
    expect(hand.pending).toBe(0)
  })

  test('without a batch in flight there will be no ack: they stay, and the error is reported', async () => {
    const { hand, errors, became } = limited(100, 0)
    await expect.poll(() => errors.length).toBe(1)
    expect(became).toEqual(Array(100).fill('served again'))
    expect(hand.pending).toBe(0)
  })
})
