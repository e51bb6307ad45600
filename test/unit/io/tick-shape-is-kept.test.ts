// An object with the shape of those of process.nextTick() stays alive, so that V8 does not discard their maps.

import { executionAsyncResource } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { expect, test } from 'vitest'
import { objectsOfTickShape } from '../../../packages/handoff/src/io/node/internals/tick-shape.ts'

/** The object that Node.js queued. */
async function queued(): Promise<object> {
  const { tick } = await new Promise<{ tick: object }>((resolve) => {
    process.nextTick(() => resolve({ tick: executionAsyncResource() }))
  })
  return tick
}

/** Whether V8 has one map for both objects. */
function haveSameMap(one: object, other: object): boolean {
  setFlagsFromString('--allow-natives-syntax')
  try {
    return runInThisContext('(one, other) => %HaveSameMap(one, other)')(one, other)
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
}

const tick = await queued()
const keys = Object.getOwnPropertySymbols(tick)
// Since Node 26 it is made by a class, whose map lives as long.
const isLiteral = Object.getPrototypeOf(tick) === Object.prototype

test.runIf(isLiteral)('a kept object begins with the same keys, and has as many', () => {
  const [kept] = objectsOfTickShape().filter(
    (one) => Object.getOwnPropertySymbols(one).length === keys.length,
  )
  expect(Object.keys(kept ?? {})).toEqual(Object.keys(tick))
  expect(Object.getOwnPropertySymbols(kept ?? {}).slice(0, 2)).toEqual(keys.slice(0, 2))
})

// A third key is a symbol that this package cannot have: the maps differ from it on.
test.runIf(isLiteral && keys.length === 2)('a kept object has the same map', () => {
  const maps = objectsOfTickShape().map((kept) => haveSameMap(kept, tick))
  expect(maps).toContain(true)
})
