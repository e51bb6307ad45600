// The set of a server's sockets holds whom a Set would hold.

import { Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SocketSet } from '../../../packages/handoff/src/connections/tracking/socket-set.ts'

const sockets = Array.from({ length: 8 }, () => new Socket())

test('it holds whom a Set would hold', () => {
  const step = fc.record({ joins: fc.boolean(), socket: fc.constantFrom(...sockets) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const [set, expected] = [new SocketSet(), new Set<Socket>()]
      for (const { joins, socket } of steps) {
        if (joins) {
          set.add(socket)
          expected.add(socket)
        } else expect(set.delete(socket)).toBe(expected.delete(socket))
        expect(new Set(set)).toEqual(expected)
        expect(set.size).toBe(expected.size)
      }
    }),
  )
})

test('who is looked at may leave meanwhile', () => {
  const set = new SocketSet()
  for (const socket of sockets) set.add(socket)
  const seen: Socket[] = []
  for (const socket of set) {
    seen.push(socket)
    set.delete(socket)
  }
  expect(new Set(seen)).toEqual(new Set(sockets))
  expect(set.size).toBe(0)
})

test('a socket is in each of several sets', () => {
  const [one, other] = [new SocketSet(), new SocketSet()]
  for (const socket of sockets.slice(1)) one.add(socket)
  for (const socket of sockets) other.add(socket)
  one.delete(sockets[3] as Socket)
  expect([one.size, other.size]).toEqual([6, 8])
  expect([...one]).not.toContain(sockets[3])
  expect([...other]).toContain(sockets[3])
})
