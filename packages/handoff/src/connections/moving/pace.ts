// Limits how many busy connections leave, while the other process is not yet as quick as this one.

/** @remarks A connection that has been silent for a while leaves without a limit: it costs the other process nothing. */
export interface Pace {
  /** A connection that was used less than this many milliseconds ago is busy. */
  readonly busyMs: number
  /** Whether one more busy connection may leave now. Counts it; or notes that connections wait. */
  admit(): boolean
}

/** @param silentMs - since when no data has come or gone; undefined: not known. */
export function isBusy({ busyMs }: Pace, silentMs: number | undefined): boolean {
  return silentMs === undefined || silentMs < busyMs
}
