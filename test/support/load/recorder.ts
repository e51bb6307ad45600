// A tally that also keeps when each request began and how long it took.

import { type Outcome, Tally } from './tally.ts'

/** Requests in columns: plain arrays cross from one process to another cheaply. */
export interface Recorded {
  /** Each route and outcome that occurred, such as `kept ok`. */
  readonly names: string[]
  /** Of each request: its place in `names`. */
  readonly name: number[]
  /** Of each request: when it was due, in milliseconds of the clock that all processes share. */
  readonly startedAt: number[]
  readonly ms: number[]
  /** By process: when its first answer was whole, on the same clock. */
  readonly firstAnswers: [pid: string, at: number][]
}

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export class Recorder extends Tally {
  readonly #names = new Map<string, number>()
  readonly #name: number[] = []
  readonly #startedAt: number[] = []
  readonly #ms: number[] = []
  readonly #firstAnswers = new Map<string, number>()
  /** `performance.now()` runs on the same clock, from another zero. */
  readonly #offset = sharedNow() - performance.now()

  override add(route: string, outcome: Outcome): void {
    super.add(route, outcome)
    const { kind, ms, pid } = outcome
    const endedAt = performance.now() + this.#offset
    if (pid !== undefined && kind === 'ok' && !this.#firstAnswers.has(pid))
      this.#firstAnswers.set(pid, endedAt)
    const text = `${route} ${kind}`
    const name = this.#names.get(text) ?? this.#names.size
    this.#names.set(text, name)
    this.#name.push(name)
    this.#startedAt.push(endedAt - ms)
    this.#ms.push(ms)
  }

  get recorded(): Recorded {
    return {
      names: [...this.#names.keys()],
      name: this.#name,
      startedAt: this.#startedAt,
      ms: this.#ms,
      firstAnswers: [...this.#firstAnswers],
    }
  }
}
