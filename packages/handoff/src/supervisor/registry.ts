// Which processes there are, which one serves, and how the handoffs went: a pure reducer.

import type { HandoffEvent, ProcessStage } from '../diagnostics.ts'
import type { HandoffErrorCode } from '../errors.ts'

/** A process of this run: spawned here, or found serving or draining after another supervisor. */
export interface ProcessRecord {
  readonly pid: number
  /** 0 until it tells. */
  readonly generation: number
  /** `starting`: spawned, and no word from it yet. */
  readonly stage: ProcessStage | 'starting'
  /** When it was spawned, or first heard of; milliseconds since 1970. */
  readonly startedAt: number
  /** When it began to serve; 0 if it never did. */
  readonly servingSince: number
  readonly listeners: readonly string[]
  readonly connections: number
}

/** How one handoff ended. */
export interface HandoffRecord {
  readonly outcome: 'completed' | 'aborted' | 'taken-back'
  /** When it ended; milliseconds since 1970. */
  readonly at: number
  /** The process that served after it. */
  readonly pid: number
  readonly generation: number
  readonly code?: HandoffErrorCode
  readonly message?: string
}

export interface Registry {
  readonly processes: ReadonlyMap<number, ProcessRecord>
  /** The pid that accepts connections. */
  readonly serving: number | undefined
  readonly completed: number
  readonly aborted: number
  readonly last: HandoffRecord | undefined
}

export type Change =
  | { readonly type: 'spawned'; readonly pid: number; readonly at: number }
  | {
      readonly type: 'event'
      readonly pid: number
      readonly event: HandoffEvent
      readonly at: number
    }
  | { readonly type: 'gone'; readonly pid: number }
  | {
      readonly type: 'aborted'
      readonly code: HandoffErrorCode
      readonly message: string
      readonly at: number
    }

export const emptyRegistry: Registry = {
  processes: new Map(),
  serving: undefined,
  completed: 0,
  aborted: 0,
  last: undefined,
}

export function reduce(registry: Registry, change: Change): Registry {
  switch (change.type) {
    case 'spawned':
      return patch(registry, change.pid, change.at, {})
    case 'event':
      return report(registry, change.pid, change.event, change.at)
    case 'gone':
      return gone(registry, change.pid)
    case 'aborted':
      return ended(registry, { outcome: 'aborted', ...reasonIn(change), at: change.at })
  }
}

/** The processes that could take back: older ones that still finish their work. */
export function draining(registry: Registry): ProcessRecord[] {
  return [...registry.processes.values()].filter(
    ({ pid, stage, servingSince }) =>
      pid !== registry.serving && servingSince > 0 && stage !== 'exit',
  )
}

function report(registry: Registry, pid: number, event: HandoffEvent, at: number): Registry {
  const known = event.generation > 0 ? { generation: event.generation } : {}
  switch (event.type) {
    case 'stage':
      return patch(registry, pid, at, { ...known, stage: event.stage })
    case 'status': {
      const { stage, listeners, connections } = event
      const next = patch(registry, pid, at, { ...known, stage, listeners, connections })
      // After the supervisor was killed and started anew, this is how it hears of the server.
      const found = registry.serving === undefined && stage === 'serving'
      return found ? { ...next, serving: pid } : next
    }
    case 'serving': {
      const { listeners, replaces } = event
      const facts = { ...known, listeners, stage: 'serving', servingSince: at } as const
      const next = { ...patch(registry, pid, at, facts), serving: pid }
      if (replaces === null) return next
      return ended(replaced(next, replaces, at), { outcome: 'completed', at })
    }
    case 'taken-back': {
      const { listeners } = event
      const facts = { ...known, listeners, stage: 'serving', servingSince: at } as const
      const next = { ...patch(registry, pid, at, facts), serving: pid }
      // The handoff that had been counted did not last.
      const undone = { ...next, completed: Math.max(0, next.completed - 1) }
      return ended(undone, { outcome: 'taken-back', ...reasonIn(event), at })
    }
    case 'aborted':
      // Counted by the supervisor, once for both sides.
      return patch(
        registry,
        pid,
        at,
        pid === registry.serving ? { ...known, stage: 'serving' } : known,
      )
    case 'drained':
    case 'warning':
      return patch(registry, pid, at, known)
  }
}

/** Enters the process that another one has replaced, which an earlier supervisor may have spawned. */
function replaced(
  registry: Registry,
  { pid, generation }: { pid: number; generation: number },
  at: number,
): Registry {
  const { stage = 'serving', servingSince = 0 } = registry.processes.get(pid) ?? {}
  // Its own word may have come first.
  const further = stage === 'drain' || stage === 'exit'
  return patch(registry, pid, at, {
    generation,
    stage: further ? stage : 'drain',
    servingSince: servingSince || at,
  })
}

function patch(
  registry: Registry,
  pid: number,
  at: number,
  facts: Partial<ProcessRecord>,
): Registry {
  const record = registry.processes.get(pid) ?? {
    pid,
    generation: 0,
    stage: 'starting',
    startedAt: at,
    servingSince: 0,
    listeners: [],
    connections: 0,
  }
  const processes = new Map(registry.processes).set(pid, { ...record, ...facts })
  return { ...registry, processes }
}

function gone(registry: Registry, pid: number): Registry {
  const processes = new Map(registry.processes)
  processes.delete(pid)
  return {
    ...registry,
    processes,
    serving: registry.serving === pid ? undefined : registry.serving,
  }
}

function ended(registry: Registry, how: Omit<HandoffRecord, 'pid' | 'generation'>): Registry {
  const serving = registry.serving
  const last: HandoffRecord = {
    ...how,
    pid: serving ?? 0,
    generation: registry.processes.get(serving ?? 0)?.generation ?? 0,
  }
  return how.outcome === 'completed'
    ? { ...registry, completed: registry.completed + 1, last }
    : { ...registry, aborted: registry.aborted + 1, last }
}

function reasonIn({ code, message }: { code: HandoffErrorCode; message: string }) {
  return { code, message }
}
