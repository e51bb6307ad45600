// Waits for processes whose parent has died, as PID 1 must.

import { check, loadNative } from '../native/addon.ts'

/** The most processes in one call, so that its memory is bounded. */
const PER_CALL = 64

/**
 * Waits for ended children that this process has not started. Call this at SIGCHLD, and after each exit of
 * a known child.
 *
 * @param known - pids that libuv waits for itself. Until it has done so, the kernel shows the same child
 * again and hides those after it: hence the call after its exit.
 * @returns each with its exit code, or 128 plus the signal, as shells report it.
 * @see waitid(2), WNOWAIT
 * @internal
 */
export function reapOrphans(known: readonly number[]): { pid: number; status: number }[] {
  const ours = Int32Array.from(known)
  const ended = new Int32Array(PER_CALL * 2)
  const orphans: { pid: number; status: number }[] = []
  let count: number
  do {
    count = check(loadNative().reapOrphans(ours, ended), 'waitid')
    for (let i = 0; i < count; i++) {
      orphans.push({ pid: ended[i * 2] ?? 0, status: ended[i * 2 + 1] ?? 0 })
    }
  } while (count === PER_CALL)
  return orphans
}
