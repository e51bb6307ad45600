// Detects reloads that feed themselves: a program that writes a watched file whenever it starts.

/** How often in a row a start may write the same file. An editor that saves by itself may do so twice. */
const mostStarts = 5
/** A watcher, or the file system, may be late by so many milliseconds. */
const marginMs = 250

/** The newest process of a run, in milliseconds since 1970. */
export interface Boot {
  readonly pid: number
  readonly startedAt: number
  /** When it began to serve; undefined while it has not. */
  readonly servedAt: number | undefined
}

export class Feedback {
  readonly #ignored = new Set<string>()
  /** Starts in a row that have written each file. */
  readonly #counts = new Map<string, number>()
  #pid: number | undefined

  /** Whether changes of the file lead to no reload any more. */
  ignores(path: string): boolean {
    return this.#ignored.has(path)
  }

  /**
   * Takes note of a change that is about to lead to a reload.
   *
   * @param changedAt - when the file was written; undefined where it is gone.
   * @returns whether starts write the file, and it is to be ignored from now on.
   */
  changed(path: string, changedAt: number | undefined, boot: Boot | undefined): boolean {
    if (!isWithin(changedAt, boot)) {
      this.#counts.clear()
      return false
    }
    // A start counts once, whatever it writes.
    if (boot.pid === this.#pid) return false
    this.#pid = boot.pid
    const count = (this.#counts.get(path) ?? 0) + 1
    this.#counts.set(path, count)
    if (count < mostStarts) return false
    this.#ignored.add(path)
    return true
  }
}

function isWithin(at: number | undefined, boot: Boot | undefined): boot is Boot {
  if (at === undefined || boot === undefined) return false
  return at >= boot.startedAt && at <= (boot.servedAt ?? Number.POSITIVE_INFINITY) + marginMs
}
