import { expect, test } from 'vitest'
import { OldConnections } from '../../../../packages/handoff/src/supervisor/fleet/old-connections.ts'
import type { ProcessRecord } from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { countsOf, type Fates, noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const old = 10
const common = { pid: old, generation: 1, elapsedMs: 1 }

function status(stage: 'serving' | 'drain', connections: number, fates: Fates): HandoffEvent {
  return { ...common, type: 'status', stage, listeners: [], connections, open: {}, fates }
}

function handedOver(http: number): Fates {
  return { ...noFates, handedOver: { http } }
}

test('a status of the drain tells how far it is, and the end of the drain how it ended', () => {
  const connections = new OldConnections(undefined)
  connections.onEvent(old, status('serving', 3, noFates))
  expect(connections.of(old)).toBeUndefined()
  connections.onEvent(old, status('drain', 1, handedOver(2)))
  expect(connections.isKnown(old, [])).toBe(true)
  expect(connections.of(old)).toMatchObject({
    drained: false,
    connections: 1,
    fates: handedOver(2),
  })

  const fates = { ...handedOver(2), drained: { http: 1 } }
  connections.onEvent(old, { ...common, type: 'drained', counts: countsOf(fates), fates })
  connections.onEvent(old, status('drain', 0, fates))
  expect(connections.of(old)).toEqual({
    ...{ pid: old, generation: 1, drained: true, connections: 0, fates },
    counts: { handedOver: 2, drained: 1, closed: 0, forced: 0 },
  })
})

test('where nothing is left, the end of the drain is worth waiting for', () => {
  const connections = new OldConnections(undefined)
  connections.onEvent(old, status('drain', 0, handedOver(2)))
  expect(connections.isKnown(old, [])).toBe(false)
  expect(connections.of(old)).toMatchObject({ connections: 0, fates: handedOver(2) })
})

test('the end is not waited for while an older process lives: it may pass connections on', () => {
  const connections = new OldConnections(undefined)
  connections.onEvent(old, { ...status('drain', 0, handedOver(2)), generation: 3 })
  expect(connections.isKnown(old, [{ generation: 0 }, { generation: 3 }, { generation: 4 }])).toBe(
    false,
  )
  expect(connections.isKnown(old, [{ generation: 2 }, { generation: 3 }])).toBe(true)
})

test('what it handed over before this reload, and took back, does not count', () => {
  const before = { ...handedOver(5), takenBack: { http: 5 } }
  const connections = new OldConnections({ pid: old, fates: before } as ProcessRecord)
  const fates = { ...before, handedOver: { http: 8 } }
  connections.onEvent(old, status('drain', 1, fates))
  expect(connections.of(old)?.fates).toEqual(handedOver(3))
})
