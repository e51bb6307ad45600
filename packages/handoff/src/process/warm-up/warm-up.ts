// Sends requests to a server of this process before it is ready, so that clients meet compiled code.

import type { Server } from 'node:net'
import { type Exchange, exchangeWith } from '../../io/loopback/exchange.ts'
import { Loopback } from '../../io/loopback/loopback.ts'
import type { System } from '../../io/system/system.ts'
import { reasonOf } from '../../terms/errors.ts'
import type { CompleteRequest, WarmupPlan } from '../../terms/warmup.ts'

/** How many connections are open at a time. Between two requests of each, the event loop has a turn. */
const parallel = 4

/** How many requests a connection carries: accepting has to be compiled as well as keeping. */
const perConnection = 8

export interface WarmUpContext {
  readonly system: System
  /** Whether clients are served by another process meanwhile. */
  mayGoOn(): boolean
  onWarning(message: string): void
}

/**
 * Sends the requests of a plan, and leaves no connection behind. Never rejects: a warm-up that fails
 * is a warning.
 */
export async function warmUp(
  server: Server,
  plan: WarmupPlan,
  { system, mayGoOn, onWarning }: WarmUpContext,
): Promise<void> {
  if (plan.requests.length === 0 || plan.count === 0 || !mayGoOn()) return
  let loopback: Loopback
  try {
    loopback = await Loopback.open(server)
  } catch (error) {
    return onWarning(`cannot warm up: ${reasonOf(error)}`)
  }
  const deadline = system.timer(plan.timeoutMs, () => loopback.close(), true)
  const run = new Run(plan, exchangeWith(server, loopback), () => !loopback.closed && mayGoOn())
  try {
    await run.all()
  } finally {
    deadline.cancel()
    if (loopback.closed) {
      const limit = `${plan.timeoutMs / 1000} s`
      onWarning(`the warm-up ended after ${limit}, with ${run.begun} of ${plan.count} requests`)
    } else {
      for (const [request, why] of run.failed) {
        onWarning(`warm-up request ${request.method} ${request.url} failed: ${why}`)
      }
    }
    loopback.close()
  }
}

/** One warm-up: the requests that are left, and those that failed. */
class Run {
  readonly failed = new Map<CompleteRequest, string>()
  readonly #plan: WarmupPlan
  readonly #exchange: Exchange
  readonly #goesOn: () => boolean
  #begun = 0

  constructor(plan: WarmupPlan, exchange: Exchange, goesOn: () => boolean) {
    this.#plan = plan
    this.#exchange = exchange
    this.#goesOn = goesOn
  }

  /** How many requests were sent, answered or not. */
  get begun(): number {
    return this.#begun
  }

  async all(): Promise<void> {
    const { requests, count } = this.#plan
    for (const request of requests.slice(0, count)) await this.#try(request)
    const good = requests.filter((request) => !this.failed.has(request))
    if (good.length === 0) return
    await Promise.all(Array.from({ length: parallel }, () => this.#repeat(good)))
  }

  /** The first time alone: an error of it is an error of this request. */
  async #try(request: CompleteRequest): Promise<void> {
    if (!this.#goesOn()) return
    this.#begun += 1
    const status = await this.#exchange([request])
    if (!this.#goesOn()) return
    if (status === undefined) this.failed.set(request, 'the server closed the connection')
    else if (status >= 500) this.failed.set(request, `status ${status}`)
  }

  async #repeat(requests: readonly CompleteRequest[]): Promise<void> {
    for (;;) {
      const left = this.#plan.count - this.#begun
      if (left <= 0 || !this.#goesOn()) return
      const from = this.#begun
      const size = Math.min(perConnection, left)
      this.#begun += size
      await this.#exchange(
        Array.from(
          { length: size },
          (_, at) => requests[(from + at) % requests.length],
        ) as CompleteRequest[],
      )
    }
  }
}
