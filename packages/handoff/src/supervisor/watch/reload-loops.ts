// Detects a program that writes a watched file at each start, so that each reload causes the next.

/** How many starts in a row may write the same file. An editor that saves by itself may write it twice. */
const mostStarts = 5
/** By how many milliseconds a watcher or the file system may be late. */
const marginMs = 250

/** The newest process of a run, in milliseconds since 1970. */
export interface Start {
  readonly pid: number
  readonly startedAt: number
  /** When it began to serve; undefined while it has not. */
  readonly servedAt: number | undefined
}

export class ReloadLoops {
  readonly #ignored = new Set<string>()
  /** By file, how many starts in a row have written it. */
  readonly #counts = new Map<string, number>()
  #pid: number | undefined

  /** Whether changes of the file are ignored. */
  ignores(path: string): boolean {
    return this.#ignored.has(path)
  }

  /**
   * Takes note of a change that is about to reload.
   *
   * @param changedAt - when the file was written; undefined if it does not exist.
   * @returns whether each start writes the file, which is ignored from now on.
   */
  onChange(path: string, changedAt: number | undefined, start: Start | undefined): boolean {
    if (!isWithin(changedAt, start)) {
      this.#counts.clear()
      return false
    }
    // A start counts once, whatever it writes.
    if (start.pid === this.#pid) return false
    this.#pid = start.pid
    const count = (this.#counts.get(path) ?? 0) + 1
    this.#counts.set(path, count)
    if (count < mostStarts) return false
    this.#ignored.add(path)
    return true
  }
}

/** Returns whether a file was written while the process started. */
export function isWithin(at: number | undefined, start: Start | undefined): start is Start {
  if (at === undefined || start === undefined) return false
  return at >= start.startedAt && at <= (start.servedAt ?? Number.POSITIVE_INFINITY) + marginMs
}
