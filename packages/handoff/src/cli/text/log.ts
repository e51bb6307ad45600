// Writes the lines of the supervisor to stderr, which may be a log on a full disk.

/** The part of a stream that a log needs. */
export interface LogStream {
  write(text: string, done: (error?: Error | null) => void): unknown
}

/** Writes lines, and counts those that cannot be written. The next line that can be written reports the number. */
export class Log {
  readonly #stream: LogStream
  /** Makes the beginning of the line that reports the number. */
  readonly #mark: () => string
  #lost = 0

  constructor(stream: LogStream, mark: () => string) {
    this.#stream = stream
    this.#mark = mark
  }

  /** Writes one line, without its end. Never throws. */
  write(line: string): void {
    const before = this.#lost
    // Two lines may be written before the first one is known to be lost.
    this.#lost = 0
    const text = before === 0 ? line : `${this.#mark()}${lossText(before)}\n${line}`
    let isDone = false
    const done = (error?: unknown) => {
      if (!isDone && error) this.#lost += before + 1
      isDone = true
    }
    try {
      this.#stream.write(`${text}\n`, done)
    } catch (error) {
      // Node.js 20 throws if a write to a file fails.
      done(error)
    }
  }
}

function lossText(count: number): string {
  const lines = count === 1 ? '1 line' : `${count} lines`
  return `${lines} could not be written here before this one`
}
