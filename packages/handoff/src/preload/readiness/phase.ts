// Whether the program has begun, or other preloads still run.

let preloading = false
const waiting: (() => void)[] = []

/**
 * The first preload runs.
 *
 * @param hasLast - whether a preload of ours is the last one, and calls {@link endPreloads}. Without
 * it all others are modules of `--require`, which run in this very turn.
 */
export function beginPreloads(hasLast: boolean): void {
  preloading = true
  if (!hasLast) queueMicrotask(endPreloads)
}

export function endPreloads(): void {
  preloading = false
  for (const callback of waiting.splice(0)) callback()
}

/** Calls back when the preloads have ended. */
export function onPreloadsEnd(callback: () => void): void {
  waiting.push(callback)
}

/** Whether it is another preload that runs, not the program. */
export function isPreloading(): boolean {
  // A CommonJS program begins in the same turn as the modules of `--require`.
  return preloading && process.mainModule === undefined
}
