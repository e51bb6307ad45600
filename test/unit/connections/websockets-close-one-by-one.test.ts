// WebSockets that do not move are closed at random moments, within the time that is left.

import { expect, test } from 'vitest'
import type { WebSocketConnection } from '../../../packages/handoff/src/connections/websocket/connection.ts'
import { GradualClose } from '../../../packages/handoff/src/connections/websocket/gradual-close.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

const connection = () => ({}) as WebSocketConnection

function closing() {
  const system = new FakeSystem()
  const closed: number[] = []
  const made = new GradualClose(system, (_, atRandom) =>
    atRandom(0, 1_000, () => closed.push(system.now())),
  )
  return { system, closed, made }
}

test('a connection that comes late has what is left of the time', () => {
  const { system, closed, made } = closing()
  system.advance(900)
  for (let count = 0; count < 100; count++) made.add(connection())
  expect(closed).toEqual([])
  system.advance(100)
  expect(closed).toHaveLength(100)
  // Not all of them at once.
  expect(new Set(closed).size).toBeGreaterThan(1)
})

test('a connection that comes after the end is closed immediately', () => {
  const { system, closed, made } = closing()
  system.advance(2_000)
  made.add(connection())
  system.advance(0)
  expect(closed).toEqual([2_000])
})

test('a connection that has closed by itself is not closed again', () => {
  const { system, closed, made } = closing()
  const one = connection()
  made.add(one)
  made.remove(one)
  made.add(connection())
  made.cancel()
  system.advance(1_000)
  expect(closed).toEqual([])
})
