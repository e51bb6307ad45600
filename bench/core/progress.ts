// Prints how far a run is: one line that changes on a terminal, plain lines elsewhere.

import type { WriteStream } from 'node:tty'

export interface Out {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export class Progress {
  readonly #out: Out
  readonly #now: () => number
  readonly #startedAt: number
  #label = ''
  #total = 0
  #done = 0
  #isShown = false

  constructor(out: Out | WriteStream = process.stderr, now = () => performance.now()) {
    this.#out = out
    this.#now = now
    this.#startedAt = now()
  }

  /** A suite begins; it will take so many steps. */
  begin(label: string, total: number): void {
    this.#label = label
    this.#total = total
    this.#done = 0
  }

  /** A step begins. */
  step(text: string): void {
    this.#done++
    this.#show(`[${this.#label} ${this.#done}/${this.#total}] ${text}`)
  }

  /** Where the step is. Printed on a terminal only. */
  detail(text: string): void {
    if (this.#out.isTTY) this.#show(`[${this.#label} ${this.#done}/${this.#total}] ${text}`)
  }

  /** A line that stays. */
  line(text: string): void {
    this.clear()
    this.#out.write(`${text}\n`)
  }

  /** Removes the line that changes. */
  clear(): void {
    if (this.#isShown) this.#out.write('\r\u001b[K')
    this.#isShown = false
  }

  #show(text: string): void {
    const seconds = Math.round((this.#now() - this.#startedAt) / 1000)
    const line = `${clock(seconds)} ${text}`
    if (!this.#out.isTTY) return void this.#out.write(`${line}\n`)
    this.#out.write(`\r\u001b[K${line.slice(0, (this.#out.columns ?? 80) - 1)}`)
    this.#isShown = true
  }
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`
}
