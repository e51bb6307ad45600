// One reload as the command line sees it: lines while it runs, and a last one with the result.

import type { HandoffEvent } from '../diagnostics.ts'
import type { HandoffErrorCode, Serving } from '../errors.ts'
import { withWhoServes } from './announce.ts'
import type { Failure } from './attempt.ts'
import { OldConnections, type Told } from './old-connections.ts'
import type { ProgramChange } from './program.ts'
import type { LaunchResult, Supervisor } from './supervisor.ts'

/** Milliseconds since the reload began, by the supervisor's clock: one for both sides. */
interface Timed {
  atMs: number
}

/** The last line. */
export interface ReloadResult {
  type: 'result'
  ok: boolean
  /** The process that serves now; null when none does. */
  generation: number | null
  pid: number | null
  /** Why the new process does not serve. */
  code?: HandoffErrorCode
  message?: string
  serving: Serving
  /** Milliseconds from the beginning of the reload until the new generation served. */
  servesAfterMs?: number
  /** What the old process had told of its connections by then; null where there is nothing. */
  old?: Told | null
}

export type ReloadLine = Timed & (HandoffEvent | ReloadResult)

export interface ReloadOptions {
  /** Whether to wait until the old process has gone, too. */
  readonly waitForExit: boolean
  /** What to start instead of what is in force. */
  readonly change?: ProgramChange
  write(line: ReloadLine): void
}

/**
 * Reloads and writes what happens.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY; ERR_HANDOFF_STOPPING: before anything is written.
 */
export function reloadWithLines(
  supervisor: Supervisor,
  { waitForExit, change, write }: ReloadOptions,
): Promise<void> {
  const began = performance.now()
  const atMs = () => Math.round(performance.now() - began)
  const launch = supervisor.reload(change)
  // From the first moment on: an old process may take back before we know that it was the old one.
  const takeBacks = new Map<number, Failure>()
  const connections = new OldConnections(supervisor.serving)
  const undo = supervisor.observe({
    heard(pid, event) {
      write({ ...event, atMs: atMs() })
      if (event.type === 'taken-back') takeBacks.set(pid, event)
      connections.heard(pid, event)
    },
  })
  const follow = async () => {
    const launched = await launch
    const servesAfterMs = atMs()
    const watched = { takeBacks, connections, waitForExit }
    const confirmed = await confirm(supervisor, launched, watched)
    const result = resultOf(supervisor, confirmed)
    const { replaces = 0 } = launched.ok ? launched : {}
    const more = confirmed.ok ? { servesAfterMs, old: connections.of(replaces) ?? null } : {}
    write({ ...result, ...more, atMs: atMs() })
  }
  return follow().finally(undo)
}

/**
 * How long to wait, in milliseconds, until the old process tells what has gone over. It does so when
 * all that was at rest has; one that is busy, or of an older release, may not.
 */
const patienceMs = 1_000

const bothGone: LaunchResult = {
  ok: false,
  failure: {
    code: 'ERR_HANDOFF_EXITED',
    message: 'cannot wait for the old process: the new one has ended before it.',
  },
  serving: 'none',
}

interface Watched {
  readonly takeBacks: ReadonlyMap<number, Failure>
  readonly connections: OldConnections
  readonly waitForExit: boolean
}

/**
 * Looks again whether the new process serves; holds the result back until the old one has told of
 * its connections, or has gone.
 */
function confirm(
  supervisor: Supervisor,
  launched: LaunchResult,
  { takeBacks, connections, waitForExit }: Watched,
): LaunchResult | Promise<LaunchResult> {
  if (!launched.ok || launched.replaces === undefined) return launched
  const old = launched.replaces
  let patient = true
  const decide = (): LaunchResult | undefined => {
    const failure = takeBacks.get(old)
    if (failure !== undefined) return { ok: false, failure, serving: 'old' }
    if (supervisor.has(old)) {
      const enough = connections.isKnown(old) || !patient
      return enough && !waitForExit ? launched : undefined
    }
    return supervisor.serving === undefined ? bothGone : launched
  }
  return new Promise((resolve) => {
    const check = () => {
      const decided = decide()
      if (decided === undefined) return
      clearTimeout(timer)
      undo()
      resolve(decided)
    }
    const undo = supervisor.observe({ heard: check, gone: check })
    const timer = setTimeout(() => {
      patient = false
      check()
    }, patienceMs)
    check()
  })
}

function resultOf(supervisor: Supervisor, launched: LaunchResult): ReloadResult {
  const now = supervisor.serving
  if (launched.ok) {
    const { pid, generation } = launched
    return { type: 'result', ok: true, generation, pid, serving: 'new' }
  }
  const { failure, serving } = launched
  const { code, message } = failure
  return {
    type: 'result',
    ok: false,
    generation: now?.generation ?? null,
    pid: now?.pid ?? null,
    code,
    message: withWhoServes(message, serving, now),
    serving,
  }
}
