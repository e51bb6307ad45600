// What a process prints: kept for failure messages, and waited for instead of sleeping.

import type { Readable } from 'node:stream'
import { DEADLINE_MS } from './until.ts'

/** The lines of one or more streams, in the order they arrived. */
export class Output {
  readonly lines: string[] = []
  readonly #waiting = new Set<() => void>()
  #ended = false

  /** Collects the lines of a stream; `prefix` tells streams apart. */
  collect(stream: Readable, prefix = ''): this {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines.map((line) => prefix + line))
      this.#wake()
    })
    stream.on('end', () => {
      if (rest !== '') this.lines.push(prefix + rest)
      this.#wake()
    })
    return this
  }

  /** Says that nothing more will come, so that nobody waits in vain. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** Resolves with the first match at or after the given line. */
  async waitFor(
    pattern: RegExp,
    { from = 0, deadlineMs = DEADLINE_MS } = {},
  ): Promise<RegExpExecArray> {
    const endsAt = performance.now() + deadlineMs
    for (let next = from; ; ) {
      for (; next < this.lines.length; next++) {
        const match = pattern.exec(this.lines[next] ?? '')
        if (match !== null) return match
      }
      const leftMs = endsAt - performance.now()
      if (this.#ended || leftMs <= 0) {
        const why = this.#ended ? 'before the output ended' : `within ${deadlineMs} ms`
        throw new Error(`nobody printed ${pattern} ${why}; printed was:\n${this}`)
      }
      await this.#more(leftMs)
    }
  }

  toString(): string {
    return this.lines.join('\n')
  }

  #more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(deadline)
        this.#waiting.delete(wake)
        resolve()
      }
      const deadline = setTimeout(wake, ms)
      this.#waiting.add(wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}
