// One reload as the command line sees it: lines while it runs, and a last one with the result.

import type { HandoffEvent } from '../diagnostics.ts'
import type { HandoffErrorCode, Serving } from '../errors.ts'
import { whoServes } from './announce.ts'
import type { Failure } from './attempt.ts'
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
}

export type ReloadLine = Timed & (HandoffEvent | ReloadResult)

export interface ReloadOptions {
  /** Whether to wait until the old process has gone, too. */
  readonly waitForExit: boolean
  write(line: ReloadLine): void
}

/**
 * Reloads and writes what happens.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY; ERR_HANDOFF_STOPPING: before anything is written.
 */
export function reloadWithLines(
  supervisor: Supervisor,
  { waitForExit, write }: ReloadOptions,
): Promise<void> {
  const began = performance.now()
  const atMs = () => Math.round(performance.now() - began)
  const launch = supervisor.reload()
  // From the first moment on: an old process may take back before we know that it was the old one.
  const takeBacks = new Map<number, Failure>()
  const undo = supervisor.observe({
    heard(pid, event) {
      write({ ...event, atMs: atMs() })
      if (event.type === 'taken-back') takeBacks.set(pid, event)
    },
  })
  return launch
    .then((launched) => confirm(supervisor, launched, takeBacks, waitForExit))
    .then((launched) => write({ ...resultOf(supervisor, launched), atMs: atMs() }))
    .finally(undo)
}

const bothGone: LaunchResult = {
  ok: false,
  failure: {
    code: 'ERR_HANDOFF_EXITED',
    message: 'cannot wait for the old process: the new one has ended before it.',
  },
  serving: 'none',
}

/** Looks again whether the new process serves; holds the result back until the old one has gone. */
function confirm(
  supervisor: Supervisor,
  launched: LaunchResult,
  takeBacks: ReadonlyMap<number, Failure>,
  waitForExit: boolean,
): LaunchResult | Promise<LaunchResult> {
  if (!launched.ok || launched.replaces === undefined) return launched
  const old = launched.replaces
  const decide = (): LaunchResult | undefined => {
    const failure = takeBacks.get(old)
    if (failure !== undefined) return { ok: false, failure, serving: 'old' }
    if (supervisor.has(old)) return waitForExit ? undefined : launched
    return supervisor.serving === undefined ? bothGone : launched
  }
  return new Promise((resolve) => {
    const check = () => {
      const decided = decide()
      if (decided === undefined) return
      undo()
      resolve(decided)
    }
    const undo = supervisor.observe({ heard: check, gone: check })
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
  const { code, message } = failure satisfies Failure
  return {
    type: 'result',
    ok: false,
    generation: now?.generation ?? null,
    pid: now?.pid ?? null,
    code,
    message: `${message} ${whoServes(serving, now)}`,
    serving,
  }
}
