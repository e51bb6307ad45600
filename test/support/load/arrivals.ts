// New connections at a steady rate, whether or not the last ones were answered.

import { setTimeout as pause } from 'node:timers/promises'
import { send, type Target } from './send.ts'
import type { Tally } from './tally.ts'

/** How far apart the looks at the clock are: those that are due by then begin together. */
const LOOK_MS = 5

export class Arrivals {
  readonly #running: Promise<void>
  #stopping = false

  constructor(target: Target, perSecond: number, tally: Tally) {
    this.#running = this.#run(target, perSecond, tally)
  }

  /** Begins no more, and lets those under way end. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(target: Target, perSecond: number, tally: Tally): Promise<void> {
    const underWay = new Set<Promise<void>>()
    const startedAt = performance.now()
    for (let begun = 0; !this.#stopping; await pause(LOOK_MS)) {
      const due = ((performance.now() - startedAt) / 1000) * perSecond
      for (; begun < due; begun++) {
        const request = send(target, { path: '/', text: 'hello\n' }).then((reply) => {
          tally.add('arriving', reply)
          underWay.delete(request)
        })
        underWay.add(request)
      }
    }
    await Promise.all(underWay)
  }
}
