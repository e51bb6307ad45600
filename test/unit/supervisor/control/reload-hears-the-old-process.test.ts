import { expect, onTestFinished, test, vi } from 'vitest'
import {
  type ReloadLine,
  reloadWithLines,
} from '../../../../packages/handoff/src/supervisor/control/reload.ts'
import type { Fleet } from '../../../../packages/handoff/src/supervisor/fleet/fleet.ts'
import { type Plan, Rollout } from '../../../../packages/handoff/src/supervisor/fleet/rollout.ts'
import type { FleetObserver } from '../../../../packages/handoff/src/supervisor/fleet/roster.ts'
import type {
  LaunchResult,
  Observer,
} from '../../../../packages/handoff/src/supervisor/worker/start/options.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'

const old = { pid: 10, generation: 1 }
const launched: LaunchResult = { ok: true, pid: 20, generation: 2, replaces: old.pid }

/** A worker whose reload succeeds, and whose processes are told by hand. */
function supervise() {
  const observers = new Set<Observer>()
  const alive = new Set([10, 20])
  const fake = {
    serving: { pid: 20, generation: 2 } as { pid: number; generation: number } | undefined,
    has: (pid: number) => alive.has(pid),
    hasTurned: (_: number) => true,
    reasonOf: (_: number): string | undefined => undefined,
    number: 1,
    busy: false,
    launch: () => Promise.resolve(launched),
    observe(observer: Observer) {
      observers.add(observer)
      return () => observers.delete(observer)
    },
  }
  return {
    fake,
    observers,
    hear(event: HandoffEvent) {
      for (const observer of observers) observer.heard?.(event.pid, event)
    },
    takeBack() {
      fake.serving = old
      const event: HandoffEvent = {
        ...{ type: 'taken-back', code: 'ERR_HANDOFF_PEER_GONE', message: 'It is gone.' },
        connections: { back: 0, closed: 0 },
        fates: noFates,
        ...{ listeners: [], ...old, elapsedMs: 1 },
      }
      for (const observer of observers) observer.heard?.(old.pid, event)
    },
    end(pid: number) {
      alive.delete(pid)
      if (fake.serving?.pid === pid) fake.serving = undefined
      for (const observer of observers) observer.gone?.(pid)
    },
  }
}

/** The reload of a run that has this worker alone. */
function reload(fake: ReturnType<typeof supervise>['fake'], waitForExit: boolean) {
  const lines: ReloadLine[] = []
  const plan = { first: fake, others: [], entering: [], leaving: [] } as unknown as Plan
  const fleet = {
    reload: () => new Rollout(plan),
    observe: ({ heard, gone }: FleetObserver) =>
      fake.observe({
        heard: (pid, event) => heard?.(1, pid, event),
        gone: (pid) => gone?.(1, pid),
      }),
  }
  const write = (line: ReloadLine) => lines.push(line)
  return {
    lines,
    done: reloadWithLines(fleet as unknown as Fleet, { waitForExit, write }),
  }
}

test.each([false, true])(
  'a take-back in the same moment as the commit fails the reload (waits: %s)',
  async (waits) => {
    const { fake, observers, takeBack } = supervise()
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
    expect(observers.size, 'all observers have gone').toBe(0)
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
  const { fake, observers } = supervise()
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(999)
  expect(lines).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  await done
  expect(lines).toMatchObject([{ type: 'result', ok: true, pid: 20, serving: 'new', old: null }])
  expect(observers.size).toBe(0)
})

test('a new process that has said nothing since it serves is waited for, and its end is the reason', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { fake, observers, takeBack, end } = supervise()
  fake.hasTurned = () => false
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(4_000)
  expect(lines).toEqual([])
  fake.reasonOf = () => 'said nothing for 4 s in its probation'
  end(20)
  expect(lines).toEqual([])
  takeBack()
  await done
  expect(lines.at(-1)).toMatchObject({
    ...{ type: 'result', ok: false, serving: 'old', code: 'ERR_HANDOFF_TIMEOUT' },
    message:
      'cannot hand over: the new process (pid 20) said nothing for 4 s in its probation, and was killed. Generation 1 (pid 10) serves on.',
  })
  expect(observers.size).toBe(0)
})

test('a new process that shows life ends the waiting', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { fake, observers } = supervise()
  fake.hasTurned = () => false
  const { lines, done } = reload(fake, false)
  await vi.advanceTimersByTimeAsync(2_000)
  fake.hasTurned = () => true
  for (const observer of observers) observer.turned?.(20)
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
