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
  const undo = supervisor.observe({ heard: (_, event) => write({ ...event, atMs: atMs() }) })
  return launch
    .then((launched) => (waitForExit ? untilOldHasGone(supervisor, launched) : launched))
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

/** Holds the result back until the old process has gone, or has taken back. */
function untilOldHasGone(supervisor: Supervisor, launched: LaunchResult): Promise<LaunchResult> {
  if (!launched.ok || launched.replaces === undefined) return Promise.resolve(launched)
  const old = launched.replaces
  if (!supervisor.has(old)) return Promise.resolve(launched)
  return new Promise((resolve) => {
    const settle = (result: LaunchResult) => {
      undo()
      resolve(result)
    }
    const undo = supervisor.observe({
      gone(pid) {
        if (pid === old) settle(supervisor.serving === undefined ? bothGone : launched)
      },
      heard(pid, event) {
        if (pid !== old || event.type !== 'taken-back') return
        settle({ ok: false, failure: event, serving: 'old' })
      },
    })
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
