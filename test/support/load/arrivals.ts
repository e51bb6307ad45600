// New connections at a steady rate, as long as the server keeps up at all.

import { setTimeout as pause } from 'node:timers/promises'
import { send, type Target } from './send.ts'
import type { Tally } from './tally.ts'

/** How far apart the looks at the clock are: those that are due by then begin together. */
const LOOK_MS = 5

/**
 * Most that are under way at a time: fewer than a listener queues (Node's backlog of 511). A server
 * without enough processor time accepts more slowly than they come (libuv accepts one connection in
 * a turn of its loop), and what overflows the queue the kernel drops, handoff or not.
 */
const UNDER_WAY_LIMIT = 400

export class Arrivals {
  /** How many were not begun since too many were under way. */
  heldBack = 0
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
        if (underWay.size >= UNDER_WAY_LIMIT) {
          this.heldBack++
          continue
        }
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
