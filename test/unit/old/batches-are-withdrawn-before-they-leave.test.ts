// A batch of connections that has not left this process is served here again; one that has left is not.

import { expect, test } from 'vitest'
import type { Departing, Mover } from '../../../packages/handoff/src/connections/moving/mover.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Flights } from '../../../packages/handoff/src/old/drain/flights.ts'
import type { Fate } from '../../../packages/handoff/src/terms/fates.ts'
import { openFiles } from '../../support/scratch.ts'

const mover = { kind: 'http' } as unknown as Mover

function flights() {
  const became: string[] = []
  const counted: [Fate, number][] = []
  const made = new Flights({ add: (fate, _, count = 1) => void counted.push([fate, count]) })
  const [file = -1] = openFiles(1)
  const departing = (name: string): Departing => ({
    fd: dup(file),
    item: null,
    complete: () => void became.push(`${name} is gone`),
    serveAgain: () => void became.push(`${name} is served again`),
  })
  const add = (name: string, hasLeft: boolean) => {
    const flight = made.add(mover, [departing(name)])
    flight.hasLeft = hasLeft
    return flight
  }
  return { flights: made, add, became, counted }
}

test('at the drain deadline what has left ends, and the rest is served again', () => {
  const { flights: all, add, became, counted } = flights()
  const [sent, waiting] = [add('a', true), add('b', false)]
  all.force()
  expect(became).toEqual(['b is served again', 'a is gone'])
  expect(counted).toEqual([['forced', 1]])
  expect([sent.isWanted, waiting.isWanted]).toEqual([true, false])
  expect(all.pending).toBe(0)
})

test('an ack of what was ended counts nothing, and a wrong one is a breach all the same', () => {
  const { flights: all, add, became, counted } = flights()
  add('a', true)
  add('b', true)
  all.force()
  expect(all.ack(1).isForced).toBe(true)
  expect(() => all.ack(9)).toThrow(/the peer acks 9 of 2 sent/)
  expect(became).toEqual(['a is gone', 'b is gone'])
  expect(counted).toEqual([
    ['forced', 1],
    ['forced', 1],
  ])
})

test('a batch that was ended, and that the kernel then does not take, is not served again', () => {
  const { flights: all, add, became } = flights()
  const flight = add('a', true)
  all.force()
  expect(all.keep(flight)).toBe(false)
  all.end()
  expect(became).toEqual(['a is gone'])
})

test('once no ack is read, what has not left is served immediately, and the rest at the end of the channel', () => {
  const { flights: all, add, became, counted } = flights()
  add('a', true)
  add('b', false)
  all.ignoreAcks()
  expect(became).toEqual(['b is served again'])
  expect(all.pending).toBe(1)
  all.end()
  // The kernel does not say of a file whether it was read from.
  expect(became).toEqual(['b is served again', 'a is gone'])
  expect(counted).toEqual([['closed', 1]])
})
