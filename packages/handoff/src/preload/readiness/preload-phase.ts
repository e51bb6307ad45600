// Knows whether preloads still run, or the program has begun.

let preloading = false
const waiting: (() => void)[] = []

/**
 * Call this in the first preload.
 *
 * @param hasLast - whether `last.ts` is preloaded and calls {@link endPreloads}. If not, all other
 * preloads are modules of `--require`, which run in this turn.
 */
export function beginPreloads(hasLast: boolean): void {
  preloading = true
  if (!hasLast) queueMicrotask(endPreloads)
}

export function endPreloads(): void {
  preloading = false
  for (const callback of waiting.splice(0)) callback()
}

/** Calls `callback` when the preloads have ended. */
export function onPreloadsEnd(callback: () => void): void {
  waiting.push(callback)
}

/** Returns whether the caller runs in another preload, not in the program. */
export function isPreloading(): boolean {
  // A CommonJS program runs in the same turn as the modules of `--require`.
  return preloading && process.mainModule === undefined
}
