import { expect, test } from 'vitest'
import { release } from '../../../../packages/handoff/src/supervisor/program/release.ts'
import { reduce } from '../../../../packages/handoff/src/supervisor/registry/reduce.ts'
import {
  allFates,
  draining,
  emptyRegistry,
  type Registry,
} from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import { statusOf } from '../../../../packages/handoff/src/supervisor/registry/run-status.ts'
import type {
  HandoffEvent,
  HandoffEventBody,
} from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const listeners = ['tcp:127.0.0.1:3000']

let at = 1_000

function heard(
  registry: Registry,
  pid: number,
  generation: number,
  body: HandoffEventBody,
): Registry {
  const event = { ...body, pid, generation, elapsedMs: 1 } as HandoffEvent
  return reduce(registry, { type: 'event', pid, event, at: ++at })
}

/** Generation 1 (pid 10) serves. */
function first(): Registry {
  const spawned = reduce(emptyRegistry, { type: 'spawned', pid: 10, at: ++at })
  return heard(spawned, 10, 1, { type: 'serving', replaces: null, listeners })
}

/** Generation 2 (pid 20) has taken over from it. */
function second(): Registry {
  const spawned = reduce(first(), { type: 'spawned', pid: 20, at: ++at })
  const replaces = { pid: 10, generation: 1 }
  return heard(spawned, 20, 2, { type: 'serving', replaces, listeners })
}

test('a spawned process is starting until it tells', () => {
  const registry = reduce(emptyRegistry, { type: 'spawned', pid: 10, at })
  expect(registry.processes.get(10)).toMatchObject({ generation: 0, stage: 'starting' })
  expect(registry.serving).toBeUndefined()
})

test('the first start is no handoff', () => {
  const registry = first()
  expect(registry).toMatchObject({ serving: 10, completed: 0, aborted: 0, last: undefined })
})

test('a handoff moves the serving generation, and the old one drains', () => {
  const registry = second()
  expect(registry).toMatchObject({ serving: 20, completed: 1, last: { outcome: 'completed' } })
  expect(registry.processes.get(10)).toMatchObject({ generation: 1, stage: 'drain' })
  expect(draining(registry).map(({ pid }) => pid)).toEqual([10])
})

test('a process can take back until a later handoff begins, and whatever becomes of that', () => {
  const send = { type: 'stage', stage: 'send', detail: '' } as const
  const before = second()
  expect(draining(before).map(({ pid }) => pid)).toEqual([10])
  const begun = heard(before, 20, 2, send)
  expect(draining(begun)).toEqual([])
  const message = 'cannot hand over: it is gone'
  const aborted = heard(begun, 20, 2, {
    ...{ type: 'aborted', stage: 'send', code: 'ERR_HANDOFF_PEER_GONE', message, serving: 'old' },
  })
  expect(draining(aborted)).toEqual([])
  // Its own next handoff lets it take back, and nobody else.
  const third = heard(aborted, 30, 3, {
    ...{ type: 'serving', replaces: { pid: 20, generation: 2 }, listeners },
  })
  expect(draining(third).map(({ pid }) => pid)).toEqual([20])
})

const takenBack = {
  type: 'taken-back',
  code: 'ERR_HANDOFF_PEER_GONE',
  message: 'gone',
  listeners,
  connections: { back: 0, closed: 0 },
  fates: noFates,
} as const

test('generations that have served are counted, gone or not; those that have not are not', () => {
  expect(emptyRegistry.youngest).toBe(0)
  const registry = second()
  expect(registry.youngest).toBe(2)
  const failed = heard(registry, 30, 3, { type: 'stage', stage: 'adopt', detail: '' })
  expect(failed.youngest).toBe(2)
  const gone = [10, 20, 30].reduce((all, pid) => reduce(all, { type: 'exit', pid }), failed)
  expect(gone).toMatchObject({ serving: undefined, youngest: 2 })
  // A take-back makes no number free: it was seen.
  const back = heard(registry, 10, 1, takenBack)
  expect(back).toMatchObject({ serving: 10, youngest: 2 })
})

test('the old process may tell its end before the new one tells that it serves', () => {
  let registry = reduce(first(), { type: 'spawned', pid: 20, at })
  registry = heard(registry, 10, 1, { type: 'stage', stage: 'exit', detail: '' })
  registry = heard(registry, 20, 2, {
    type: 'serving',
    replaces: { pid: 10, generation: 1 },
    listeners,
  })
  expect(registry.processes.get(10)?.stage).toBe('exit')
  expect(draining(registry)).toEqual([])
})

test('an old process in its ramp could take back, and drains after it', () => {
  let registry = reduce(first(), { type: 'spawned', pid: 20, at })
  registry = heard(registry, 10, 1, { type: 'stage', stage: 'ramp', detail: '', rampMs: 2_000 })
  expect(registry.serving).toBe(10)
  registry = heard(registry, 20, 2, {
    type: 'serving',
    replaces: { pid: 10, generation: 1 },
    listeners,
  })
  expect(registry).toMatchObject({ serving: 20, completed: 1 })
  expect(registry.processes.get(10)?.stage).toBe('ramp')
  expect(draining(registry)).toHaveLength(1)
  registry = heard(registry, 10, 1, { type: 'stage', stage: 'drain', detail: '' })
  expect(registry.processes.get(10)?.stage).toBe('drain')
})

test('an old process of an earlier supervisor is entered when it is replaced', () => {
  const registry = heard(emptyRegistry, 20, 2, {
    type: 'serving',
    replaces: { pid: 10, generation: 1 },
    listeners,
  })
  expect(registry.processes.get(10)).toMatchObject({ generation: 1, stage: 'drain' })
  expect(draining(registry)).toHaveLength(1)
})

test('a take-back gives the service back, and the handoff counts as aborted', () => {
  const lost = reduce(second(), { type: 'exit', pid: 20 })
  expect(lost.serving).toBeUndefined()

  const registry = heard(lost, 10, 1, takenBack)
  expect(registry).toMatchObject({ serving: 10, completed: 0, aborted: 1 })
  expect(registry.last).toMatchObject({ outcome: 'taken-back', pid: 10, generation: 1 })
  expect(registry.processes.get(10)?.stage).toBe('serving')
})

test('a new process that ends before it reports that it serves undoes no earlier handoff', () => {
  let registry = heard(second(), 20, 2, { type: 'stage', stage: 'drain', detail: '' })
  expect(registry).toMatchObject({ serving: 20, completed: 1, aborted: 0 })
  registry = reduce(registry, { type: 'exit', pid: 30 })
  registry = heard(registry, 20, 2, takenBack)
  expect(registry).toMatchObject({ serving: 20, completed: 1, aborted: 0 })
  expect(registry.processes.get(20)?.stage).toBe('serving')
})

test('the word of the take-back may come before the end of the new process is known', () => {
  let registry = heard(second(), 10, 1, takenBack)
  registry = reduce(registry, { type: 'exit', pid: 20 })
  expect(registry.serving).toBe(10)
})

test('an abort leaves the old process serving, and is counted by its supervisor alone', () => {
  let registry = heard(first(), 10, 1, { type: 'stage', stage: 'offer', detail: '' })
  registry = heard(registry, 10, 1, {
    type: 'aborted',
    stage: 'offer',
    code: 'ERR_HANDOFF_PEER_GONE',
    message: 'gone',
    serving: 'old',
  })
  expect(registry).toMatchObject({ serving: 10, aborted: 0 })
  expect(registry.processes.get(10)?.stage).toBe('serving')

  const failure = { code: 'ERR_HANDOFF_EXITED', message: 'why' } as const
  registry = reduce(registry, { type: 'aborted', ...failure, at })
  expect(registry).toMatchObject({ aborted: 1, last: { outcome: 'aborted', pid: 10, ...failure } })
})

test('a server of an earlier supervisor is found by its status', () => {
  const registry = heard(emptyRegistry, 10, 3, {
    type: 'status',
    stage: 'serving',
    listeners,
    connections: 7,
    open: {},
    fates: noFates,
  })
  expect(registry).toMatchObject({ serving: 10, completed: 0 })
})

test('a status makes up for a lost word of the commit, but not for an older one', () => {
  const spawned = reduce(first(), { type: 'spawned', pid: 20, at: ++at })
  const nothing = { connections: 0, open: {}, fates: noFates }
  const status = { type: 'status', stage: 'serving', listeners, ...nothing } as const
  const registry = heard(spawned, 20, 2, status)
  expect(registry).toMatchObject({ serving: 20, completed: 1 })
  expect(registry.processes.get(10)?.stage).toBe('drain')

  const old = heard(registry, 10, 1, status)
  expect(old).toMatchObject({ serving: 20, completed: 1 })
})

const program = { entry: '/srv/web/server.js', workingDirectory: '/srv', node: '/usr/bin/node' }

test('the status tells the newest process first, and times of day as ISO 8601', () => {
  let registry = reduce(second(), { type: 'spawned', pid: 30, at: 5_000 })
  registry = heard(registry, 20, 2, {
    ...{ type: 'status', stage: 'offer', listeners, connections: 4 },
    ...{ open: { http: 4 }, fates: noFates },
  })
  const status = statusOf(registry, {
    name: 'web',
    worker: 1,
    pid: 1,
    now: 6_000,
    date: 106_000,
    backoff: null,
    maxGenerations: 10,
    program,
    silentMs: (pid) => (pid === 20 ? 1_500 : undefined),
  })

  expect(status).toMatchObject({ name: 'web', pid: 1, generation: 2, serving: 20, backoff: null })
  expect(status.processes.map(({ pid }) => pid)).toEqual([30, 20, 10])
  expect(status.processes[0]).toEqual({
    pid: 30,
    worker: 1,
    generation: 0,
    stage: 'starting',
    uptimeMs: 1_000,
    silentMs: null,
    listeners: [],
    connections: 0,
    open: {},
    fates: noFates,
  })
  expect(status.processes[1]).toMatchObject({
    ...{ stage: 'offer', connections: 4, open: { http: 4 }, silentMs: 1_500 },
  })
  expect(status.handoffs).toMatchObject({ completed: 1, aborted: 0 })
  expect(status.handoffs.last?.at).toMatch(/^1970-01-01T00:01:41\.0\d\dZ$/)
})

test('with nobody serving the status has null for it', () => {
  const backoff = { crashes: 1, retryInMs: 100 }
  const surroundings = {
    ...{ name: 'web', worker: 1, pid: 1, now: 0, date: 0, backoff, program },
    maxGenerations: 10,
    silentMs: () => undefined,
  }
  expect(statusOf(emptyRegistry, surroundings)).toEqual({
    name: 'web',
    pid: 1,
    release,
    generation: null,
    serving: null,
    maxGenerations: 10,
    program,
    workers: [{ worker: 1, generation: null, serving: null, backoff }],
    processes: [],
    handoffs: { completed: 0, aborted: 0, fates: noFates, last: null },
    backoff: { crashes: 1, retryInMs: 100 },
  })
})

test('what has become of connections outlives the process that told it', () => {
  const fates = { ...noFates, handedOver: { http: 3, websocket: 1 }, drained: { raw: 1 } }
  const drains = { type: 'status', stage: 'drain', listeners, connections: 0, open: {} } as const
  let registry = heard(second(), 10, 1, { ...drains, fates })
  registry = heard(registry, 20, 2, { ...drains, fates: { ...noFates, handedOver: { http: 2 } } })
  const all = { ...fates, handedOver: { http: 5, websocket: 1 } }
  expect(allFates(registry)).toEqual(all)
  // Again, as it stands: the numbers are those since the process started.
  registry = heard(registry, 10, 1, { ...drains, fates })
  registry = reduce(registry, { type: 'exit', pid: 10 })
  expect(allFates(registry)).toEqual(all)
})

test('a process that hands over to another worker serves no more, whatever it had sent before', () => {
  const to = { pid: 50, generation: 7 }
  let registry = reduce(second(), {
    ...{ type: 'left', from: { pid: 20, generation: 2 }, to },
    at: 3_000,
  })
  expect(registry).toMatchObject({ serving: undefined, completed: 2, last: to })
  expect(registry.processes.get(20)).toMatchObject({ stage: 'drain' })

  const serves = { type: 'status', stage: 'serving', listeners, connections: 4 } as const
  registry = heard(registry, 20, 2, { ...serves, open: { http: 4 }, fates: noFates })
  expect(registry.serving).toBeUndefined()

  registry = heard(registry, 20, 2, {
    ...{ type: 'taken-back', code: 'ERR_HANDOFF_PEER_GONE', message: 'It is gone.', listeners },
    ...{ connections: { back: 0, closed: 0 }, fates: noFates },
  })
  expect(registry).toMatchObject({ serving: 20, completed: 1, aborted: 1 })
})
