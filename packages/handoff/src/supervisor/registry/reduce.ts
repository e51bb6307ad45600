// Computes the next state of the registry from an event: pure.

import type { HandoffErrorCode } from '../../terms/errors.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { addFates, noFates } from '../../terms/fates.ts'
import type { HandoffRecord, ProcessName, ProcessRecord, Registry } from './registry.ts'

export type Change =
  | { readonly type: 'spawned'; readonly pid: number; readonly at: number }
  | {
      readonly type: 'event'
      readonly pid: number
      readonly event: HandoffEvent
      readonly at: number
    }
  | { readonly type: 'exit'; readonly pid: number }
  | {
      /** A process of another worker has taken over. */
      readonly type: 'left'
      readonly from: ProcessName
      readonly to: ProcessName
      readonly at: number
    }
  | {
      readonly type: 'aborted'
      readonly code: HandoffErrorCode
      readonly message: string
      readonly at: number
    }

export function reduce(registry: Registry, change: Change): Registry {
  switch (change.type) {
    case 'spawned':
      return patch(registry, change.pid, change.at, {})
    case 'event':
      return onEvent(registry, change.pid, change.event, change.at)
    case 'exit':
      return withoutProcess(registry, change.pid)
    case 'left':
      return left(registry, change)
    case 'aborted':
      return ended(registry, { outcome: 'aborted', ...reasonIn(change), at: change.at })
  }
}

function onEvent(registry: Registry, pid: number, event: HandoffEvent, at: number): Registry {
  const known = event.generation > 0 ? { generation: event.generation } : {}
  switch (event.type) {
    case 'stage': {
      const next = patch(registry, pid, at, { ...known, stage: event.stage })
      // It releases the process before it when its successor connects.
      return event.stage === 'send' && pid === registry.serving ? released(next, [pid]) : next
    }
    case 'status': {
      const { stage, listeners, connections, open, fates } = event
      const facts = { ...known, stage, listeners, connections, open, fates }
      const next = patch(registry, pid, at, facts)
      return stage === 'serving' && isUnknown(next, pid) ? servesByStatus(next, pid, at) : next
    }
    case 'serving': {
      const { listeners, replaces } = event
      return serves(patch(registry, pid, at, { ...known, listeners }), pid, replaces, at)
    }
    case 'taken-back': {
      const next = patch(registry, pid, at, { ...known, listeners: event.listeners })
      // The new process ended before it reported that it serves: its start counts as aborted, and no more.
      if (registry.serving === pid) return serves(next, pid, null, at)
      // The handoff was counted as completed before.
      const undone = { ...next, completed: Math.max(0, next.completed - 1) }
      return ended(serves(undone, pid, null, at), { outcome: 'taken-back', ...reasonIn(event), at })
    }
    case 'aborted':
      // The supervisor counts it, once for both sides.
      return patch(
        registry,
        pid,
        at,
        pid === registry.serving ? { ...known, stage: 'serving' } : known,
      )
    case 'joined':
      return patch(registry, pid, at, { ...known, listeners: event.listeners })
    case 'drained':
    case 'warning':
      return patch(registry, pid, at, known)
  }
}

/** Returns whether a process reports that it serves although the registry does not say so. */
function isUnknown({ processes, serving, left }: Registry, pid: number): boolean {
  // The report was sent before the process handed over: two sockets keep no order.
  if (pid === left) return false
  if (serving === undefined) return true
  const generationOf = (of: number) => processes.get(of)?.generation ?? 0
  return generationOf(pid) > generationOf(serving)
}

/**
 * Takes the status of a process for its commit, whose report is missing: the supervisor is new here, or the
 * queue of its socket was full.
 */
function servesByStatus(registry: Registry, pid: number, at: number): Registry {
  const old = registry.processes.get(registry.serving ?? 0)
  return serves(registry, pid, old ?? null, at)
}

function serves(
  registry: Registry,
  pid: number,
  replaces: ProcessName | null,
  at: number,
): Registry {
  const facts = { stage: 'serving', servingSince: at } as const
  const patched = patch(registry, pid, at, facts)
  const { generation = 0 } = patched.processes.get(pid) ?? {}
  const youngest = Math.max(registry.youngest, generation)
  const left = registry.left === pid ? undefined : registry.left
  const next = { ...patched, serving: pid, left, youngest }
  if (replaces === null) return next
  const known = replaced(next, replaces, at)
  return ended(released(known, [pid, replaces.pid]), { outcome: 'completed', at })
}

/** No process that has served can take back, except these. */
function released(registry: Registry, except: readonly number[]): Registry {
  const processes = new Map(registry.processes)
  for (const [pid, record] of processes) {
    if (record.servingSince > 0 && !except.includes(pid)) {
      processes.set(pid, { ...record, released: true })
    }
  }
  return { ...registry, processes }
}

/**
 * Adds the process that another one has replaced. An earlier supervisor may have spawned it. Pid 0: it is
 * not known here.
 */
function replaced(registry: Registry, { pid, generation }: ProcessName, at: number): Registry {
  if (pid === 0) return registry
  const { stage = 'serving', servingSince = 0 } = registry.processes.get(pid) ?? {}
  // Its own report may have come first.
  const isFurther = stage === 'ramp' || stage === 'drain' || stage === 'exit'
  return patch(registry, pid, at, {
    generation,
    stage: isFurther ? stage : 'drain',
    servingSince: servingSince || at,
  })
}

function left(registry: Registry, { from, to, at }: Extract<Change, { type: 'left' }>): Registry {
  const { completed } = registry
  return {
    ...replaced(registry, from, at),
    serving: registry.serving === from.pid ? undefined : registry.serving,
    left: from.pid,
    completed: completed + 1,
    last: { outcome: 'completed', at, pid: to.pid, generation: to.generation },
  }
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
    open: {},
    fates: noFates,
  }
  const processes = new Map(registry.processes).set(pid, { ...record, ...facts })
  return { ...registry, processes }
}

function withoutProcess(registry: Registry, pid: number): Registry {
  const processes = new Map(registry.processes)
  const { fates = noFates } = processes.get(pid) ?? {}
  processes.delete(pid)
  return {
    ...registry,
    processes,
    past: addFates(registry.past, fates),
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
