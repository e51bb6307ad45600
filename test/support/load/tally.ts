// The load's tally: every request counted once, by route and by how it ended.

/** How a request ended. Everything but `ok` and `cut` is a failure. */
export type Kind =
  | 'ok'
  /** It ended with the process that was executing it, and that a test has killed; see death.ts. */
  | 'cut'
  /** Nobody listened (ECONNREFUSED; ENOENT at a Unix path). */
  | 'refused'
  /** The connection ended before the reply began. */
  | 'reset'
  /** No whole reply within the deadline. */
  | 'timeout'
  /** A whole reply with another status, such as a 503 from a closing framework. */
  | 'non2xx'
  /** The reply began and did not end. */
  | 'truncated'
  /** The reply ended, with other bytes than it should have. */
  | 'wrongBody'
  /** A keep-alive connection was closed without `Connection: close` on its last reply. */
  | 'untold'
  /** A client that wanted to keep its connection was told `Connection: close`. */
  | 'dismissed'
  /** A fault of the client's own machine, such as EADDRNOTAVAIL. */
  | 'local'

/** What became of one request. */
export interface Outcome {
  kind: Kind
  /** The error or status behind a failure. */
  detail: string
  /** The process that answered (its `x-pid` header), when one did. */
  pid: string | undefined
  ms: number
  /** Of a failure on a connection that had been used: when the answer before it was whole. */
  answeredAt?: number | undefined
}

/** Failures that the message shows in full; the counts have the rest. */
const SHOWN = 10

/** Counts outcomes; its text is the failure message of a test and the closing line of a demo. */
export class Tally {
  /** Milliseconds of every request that went well, in the order they ended. */
  readonly durationsMs: number[] = []
  /** The processes that answered, with the number of their replies. */
  readonly pids = new Map<string, number>()
  requests = 0
  failed = 0
  readonly #counts = new Map<string, Map<Kind, number>>()
  readonly #failures: string[] = []
  readonly #startedAt = performance.now()
  readonly #judge: (outcome: Outcome) => Outcome

  /** @param judge - may call a failure a `cut`. */
  constructor(judge: (outcome: Outcome) => Outcome = (outcome) => outcome) {
    this.#judge = judge
  }

  add(route: string, outcome: Outcome): void {
    const { kind, detail, pid, ms } = this.#judge(outcome)
    this.requests++
    const kinds = this.#counts.get(route) ?? new Map<Kind, number>()
    this.#counts.set(route, kinds.set(kind, (kinds.get(kind) ?? 0) + 1))
    if (pid !== undefined) this.pids.set(pid, (this.pids.get(pid) ?? 0) + 1)
    if (kind === 'ok') this.durationsMs.push(ms)
    else if (kind !== 'cut') this.#fail(`${route} ${kind} after ${ms.toFixed(0)} ms: ${detail}`)
  }

  count(route: string, kind: Kind = 'ok'): number {
    return this.#counts.get(route)?.get(kind) ?? 0
  }

  /** How many ended so, of every route. */
  total(kind: Kind): number {
    return [...this.#counts.values()].reduce((sum, kinds) => sum + (kinds.get(kind) ?? 0), 0)
  }

  toString(): string {
    const rows = [...this.#counts].map(
      ([route, kinds]) => `  ${route}: ${[...kinds].map(([kind, n]) => `${n} ${kind}`).join(', ')}`,
    )
    return [`${this.requests} requests, ${this.failed} failed`, ...rows, ...this.#failures].join(
      '\n',
    )
  }

  #fail(text: string): void {
    this.failed++
    const at = ((performance.now() - this.#startedAt) / 1000).toFixed(2)
    if (this.#failures.length < SHOWN) this.#failures.push(`  at ${at} s: ${text}`)
  }
}
