// Stage exit, old side: the application's own end, then the process's.

import type { System } from '../io/system/system.ts'

/** What the application does before its process ends, such as `app.close()`. */
export type ExitHook = () => void | Promise<void>

/**
 * Runs the hooks, last added first, as they were built upon each other.
 *
 * @returns whether all of them ended well and in time.
 */
export async function runExitHooks(
  hooks: readonly ExitHook[],
  system: System,
  timeoutMs: number,
): Promise<boolean> {
  const expired = new Promise<'expired'>((resolve) => {
    system.timer(timeoutMs, () => resolve('expired'), true)
  })
  let well = true
  for (const hook of [...hooks].reverse()) {
    try {
      const outcome = await Promise.race([Promise.resolve().then(hook), expired])
      if (outcome !== 'expired') continue
      system.warn(`handoff: an exit hook has not ended after ${timeoutMs} ms; exiting without it`)
      return false
    } catch (error) {
      well = false
      system.warn(`handoff: an exit hook failed: ${(error as Error)?.stack ?? String(error)}`)
    }
  }
  return well
}
