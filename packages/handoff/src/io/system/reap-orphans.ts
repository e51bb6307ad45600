// What PID 1 owes to processes whose parent died: somebody has to wait for them.

import { check, loadNative } from '../native/addon.ts'

/** A call takes this many at most, so that its memory is bounded. */
const PER_CALL = 64

/**
 * Waits for ended children that nobody here started. Call it at SIGCHLD, and after each exit of a
 * known child.
 *
 * @param known - pids that libuv waits for; they are left to it. Until it has done so, the kernel
 * shows the same child again and those behind it stay unseen: hence the call after its exit
 * @returns each with its exit code, or 128 plus the signal, as shells put it
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
