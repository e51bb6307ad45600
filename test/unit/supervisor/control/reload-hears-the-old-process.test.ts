import { EventEmitter } from 'node:events'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  type ReloadLine,
  reloadWithLines,
} from '../../../../packages/handoff/src/supervisor/control/reload-lines.ts'
import type { Fleet } from '../../../../packages/handoff/src/supervisor/fleet/fleet.ts'
import type { Plan } from '../../../../packages/handoff/src/supervisor/fleet/plan.ts'
import { Rollout } from '../../../../packages/handoff/src/supervisor/fleet/rollout.ts'
import type { FleetEvents } from '../../../../packages/handoff/src/supervisor/fleet/roster.ts'
import type { StartResult } from '../../../../packages/handoff/src/supervisor/registry/start-result.ts'
import type { WorkerEvents } from '../../../../packages/handoff/src/supervisor/worker/worker-events.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const old = { pid: 10, generation: 1 }
const started: StartResult = { ok: true, pid: 20, generation: 2, listeners: [], replaces: old }

const names = ['event', 'exit', 'alive'] as const
/** The fleet passes on the events and exits of its worker. */
const ofFleet = 2

/** A worker whose reload succeeds, and whose processes are told by hand. */
function supervise() {
  const events = new EventEmitter<WorkerEvents>()
  const alive = new Set([10, 20])
  const fake = {
    serving: { pid: 20, generation: 2 } as { pid: number; generation: number } | undefined,
    has: (pid: number) => alive.has(pid),
    registry: { processes: new Map() },
    isProvenAlive: (_: number) => true,
    killReason: (_: number): string | undefined => undefined,
    number: 1,
    busy: false,
    start: () => Promise.resolve(started),
    events,
  }
  return {
    fake,
    listeners: () => names.reduce((sum, name) => sum + events.listenerCount(name), 0),
    events,
    hear(event: HandoffEvent) {
      events.emit('event', event.pid, event)
    },
    takeBack() {
      fake.serving = old
      const event: HandoffEvent = {
        ...{ type: 'taken-back', code: 'ERR_HANDOFF_PEER_GONE', message: 'It is gone.' },
        connections: { back: 0, closed: 0 },
        fates: noFates,
        ...{ listeners: [], ...old, elapsedMs: 1 },
      }
      events.emit('event', old.pid, event)
    },
    end(pid: number) {
      alive.delete(pid)
      if (fake.serving?.pid === pid) fake.serving = undefined
      events.emit('exit', pid)
    },
  }
}

/** The reload of a run that has this worker alone. */
function reload(fake: ReturnType<typeof supervise>['fake'], waitForExit: boolean) {
  const lines: ReloadLine[] = []
  const plan = { first: fake, others: [], entering: [], leaving: [] } as unknown as Plan
  const events = new EventEmitter<FleetEvents>()
  fake.events.on('event', (pid, event) => events.emit('event', 1, pid, event))
  fake.events.on('exit', (pid) => events.emit('exit', 1, pid))
  const fleet = { reload: () => new Rollout(plan), events }
  const write = (line: ReloadLine) => lines.push(line)
  return {
    lines,
    done: reloadWithLines(fleet as unknown as Fleet, { waitForExit, write }),
  }
}

const ramps: HandoffEvent = {
  ...old,
  type: 'stage',
  stage: 'ramp',
  detail: '',
  rampMs: 2_000,
  elapsedMs: 1,
}
const status = { listeners: [], connections: 1, open: {}, fates: noFates, elapsedMs: 1 }
const drains: HandoffEvent = { ...old, ...status, type: 'status', stage: 'drain' }

test.each([false, true])(
  'a take-back in the same moment as the commit fails the reload (waits: %s)',
  async (waits) => {
    const { fake, listeners, takeBack } = supervise()
    const { lines, done } = reload(fake, waits)
    takeBack()
    await done
    expect(lines.map(({ type }) => type)).toEqual(['taken-back', 'result'])
    expect(lines[1]).toMatchObject({
      ok: false,
      ...old,
      serving: 'old',
      code: 'ERR_HANDOFF_PEER_GONE',
      message: 'It is gone. Generation 1 (pid 10) serves on.',
    })
    expect(listeners(), 'all others have unsubscribed').toBe(ofFleet)
  },
)

test('without waiting, the result comes when the old process has told of its connections', async () => {
  const { fake, hear } = supervise()
  const { lines, done } = reload(fake, false)
  const nothing = { ...old, elapsedMs: 1, listeners: [] as string[], open: {} }
  const fates = { ...noFates, handedOver: { http: 2 } }
  hear({ ...nothing, type: 'status', stage: 'drain', connections: 0, fates })
  await new Promise(setImmediate)
  expect(lines).toHaveLength(1)
  hear({ ...nothing, type: 'status', stage: 'drain', connections: 1, fates })
  await done
  expect(lines.at(-1)).toMatchObject({
    ...{ type: 'result', ok: true, pid: 20, serving: 'new' },
    old: { ...old, drained: false, connections: 1, fates },
  })
})

test('an old process that tells nothing is not waited for long', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { fake, listeners } = supervise()
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(999)
  expect(lines).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  await done
  expect(lines).toMatchObject([{ type: 'result', ok: true, pid: 20, serving: 'new', old: null }])
  expect(listeners()).toBe(ofFleet)
})

test('a new process that has sent no report since it serves is waited for, and its end is the reason', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { fake, listeners, takeBack, end } = supervise()
  fake.isProvenAlive = () => false
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(4_000)
  expect(lines).toEqual([])
  fake.killReason = () => 'sent no report for 4 s in its probation'
  end(20)
  expect(lines).toEqual([])
  takeBack()
  await done
  expect(lines.at(-1)).toMatchObject({
    ...{ type: 'result', ok: false, serving: 'old', code: 'ERR_HANDOFF_TIMEOUT' },
    message:
      'cannot hand over: the new process (pid 20) sent no report for 4 s in its probation, and was killed. Generation 1 (pid 10) serves on.',
  })
  expect(listeners()).toBe(ofFleet)
})

test('a new process that shows life ends the waiting', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { fake, events } = supervise()
  fake.isProvenAlive = () => false
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(2_000)
  fake.isProvenAlive = () => true
  events.emit('alive', 20)
  await done
  expect(lines).toMatchObject([{ type: 'result', ok: true, pid: 20, serving: 'new' }])
})

test('an old process that has gone at once is not waited for', async () => {
  const { fake, end } = supervise()
  const { lines, done } = reload(fake, true)
  end(old.pid)
  await done
  expect(lines).toMatchObject([{ type: 'result', ok: true, pid: 20 }])
})

test('when neither process is left, the reload has failed', async () => {
  const { fake, end } = supervise()
  const { lines, done } = reload(fake, true)
  end(20)
  end(old.pid)
  await done
  expect(lines).toMatchObject([
    { type: 'result', ok: false, pid: null, generation: null, serving: 'none' },
  ])
})

describe('a reload with a ramp', () => {
  test('ends when the old process has stopped accepting', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { fake, hear, listeners } = supervise()
    const { lines, done } = reload(fake, false)
    hear(ramps)
    await vi.advanceTimersByTimeAsync(1_900)
    expect(lines.map(({ type }) => type)).toEqual(['stage'])
    hear(drains)
    await done
    expect(lines.at(-1)).toMatchObject({ type: 'result', ok: true, pid: 20, servesAfterMs: 0 })
    expect(lines.at(-1)).toMatchObject({ aloneAfterMs: 1_900, old: { connections: 1 } })
    expect(listeners()).toBe(ofFleet)
  })

  test('knows of the ramp from a status, too', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { fake, hear } = supervise()
    const { lines, done } = reload(fake, false)
    hear({ ...old, ...status, type: 'status', stage: 'ramp' })
    await vi.advanceTimersByTimeAsync(4_000)
    expect(lines.map(({ type }) => type)).toEqual(['status'])
    hear({ ...old, type: 'stage', stage: 'drain', detail: '', elapsedMs: 1 })
    hear(drains)
    await done
    expect(lines.at(-1)).toMatchObject({ ok: true, aloneAfterMs: 4_000 })
  })

  test('fails when the new process dies in it, and says that the old one never stopped', async () => {
    const { fake, hear, end, listeners, takeBack } = supervise()
    const { lines, done } = reload(fake, false)
    hear(ramps)
    end(20)
    await new Promise(setImmediate)
    expect(lines.map(({ type }) => type)).toEqual(['stage'])
    takeBack()
    await done
    expect(lines.at(-1)).toMatchObject({
      ...{ type: 'result', ok: false, ...old, serving: 'old', code: 'ERR_HANDOFF_PEER_GONE' },
      message:
        'It is gone. The old process has never stopped accepting. Generation 1 (pid 10) serves on.',
    })
    expect(listeners()).toBe(ofFleet)
  })

  test('says nothing of the kind when the new process dies after it', async () => {
    const { fake, hear, takeBack } = supervise()
    const { lines, done } = reload(fake, true)
    hear(ramps)
    hear(drains)
    takeBack()
    await done
    expect(lines.at(-1)).toMatchObject({ message: 'It is gone. Generation 1 (pid 10) serves on.' })
  })

  test('is not held for ever by an old process that hangs in it', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { fake, hear, listeners } = supervise()
    const { lines, done } = reload(fake, false)
    hear(ramps)
    await vi.advanceTimersByTimeAsync(11_999)
    expect(lines.map(({ type }) => type)).toEqual(['stage'])
    await vi.advanceTimersByTimeAsync(1)
    await done
    expect(lines.at(-1)).toMatchObject({ ok: true, pid: 20, aloneAfterMs: null })
    expect(listeners()).toBe(ofFleet)
  })

  test('waits for the old process when the new one has ended, however long the ramp is over', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { fake, hear, end } = supervise()
    const { lines, done } = reload(fake, false)
    hear(ramps)
    await vi.advanceTimersByTimeAsync(10_000)
    end(20)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(lines.map(({ type }) => type)).toEqual(['stage'])
    end(10)
    await done
    expect(lines.at(-1)).toMatchObject({ ok: false, serving: 'none', pid: null })
  })

  test('ends when the old process has gone', async () => {
    const { fake, hear, end } = supervise()
    const { lines, done } = reload(fake, false)
    hear(ramps)
    end(10)
    await done
    expect(lines.at(-1)).toMatchObject({ ok: true, pid: 20, aloneAfterMs: expect.any(Number) })
  })
})
