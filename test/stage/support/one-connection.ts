// A client that keeps one connection, and notices if it has to open another one.

import http from 'node:http'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { ask, type Where } from './clients.ts'
import type { Generation, InFlight } from './place.ts'

class CountingAgent extends http.Agent {
  opened = 0

  override createConnection(
    ...args: Parameters<http.Agent['createConnection']>
  ): Duplex | null | undefined {
    this.opened += 1
    return super.createConnection(...args)
  }
}

export class OneConnection {
  readonly #where: Where
  readonly #agent = new CountingAgent({ keepAlive: true, maxSockets: 1 })

  constructor(where: Where) {
    this.#where = where
    onTestFinished(() => this.#agent.destroy())
  }

  /** How many connections it has opened. */
  get opened(): number {
    return this.#agent.opened
  }

  /** Sends a request, and returns which process answers. */
  ask(): Promise<string> {
    return ask(this.#where, { agent: this.#agent })
  }

  /** Sends a request to this process, which waits with the answer. */
  askSlowly(generation: Generation): Promise<InFlight> {
    return generation.inFlight(this.#where, this.#agent)
  }
}
